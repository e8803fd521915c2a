import { KARMA_PARTS } from '@karmesh/sdk/protocol';
import type { ChainSource } from '../chain/chainSource.ts';
import { Address } from '../page/Address.tsx';
import { Heading } from '../page/Heading.tsx';
import { karmaOf, solOf } from '../page/micro.ts';
import { useFacts } from '../page/useFacts.ts';
import {
  type KarmaHistory as History,
  type KarmaFacts,
  readKarmaHistory,
  readWorkers,
  type WorkerFacts,
} from './facts.ts';
import { earnedBy, KarmaHistory } from './KarmaHistory.tsx';
import { Radar } from './Radar.tsx';
import { sayingOf } from './sayingOf.ts';

const GATEWAY_MS = 4_000;
/** Public RPC nodes count what they are asked. */
const CHAIN_MS = 15_000;
const HISTORY_MS = 10_000;

/** Who sells answers here, and what each has earned: from the visitor's own node, else from the gateway. */
export function WorkersView(props: { readonly source: ChainSource | undefined; readonly hasGateway: boolean }) {
  const { hasGateway, source } = props;
  const read = source?.workers ?? (hasGateway ? readWorkers : undefined);
  const { failure, value } = useFacts(read, source === undefined ? GATEWAY_MS : CHAIN_MS);
  const history = useFacts(hasGateway ? readKarmaHistory : undefined, HISTORY_MS);
  const most = mostOf((value?.workers ?? []).flatMap(({ karma }) => KARMA_PARTS.map((part) => karma[part])));
  return (
    <>
      <Heading>Workers</Heading>
      <p className="lead">
        Karma is earned by answers that two of three workers agreed on, and cannot be bought or passed on. It has five
        parts, each of which halves with time; nothing earns seeding or uptime karma yet, and validation karma is for
        validators.
      </p>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {history.failure !== undefined && <p role="alert">{history.failure}</p>}
      {read === undefined && <NoNode />}
      {read !== undefined && value === undefined && failure === undefined && <p>Reading …</p>}
      {value?.workers.length === 0 && <p>No worker is registered on this cluster.</p>}
      {value !== undefined && !hasGateway && (
        <p className="small">
          Who can be reached now, and what was earned epoch by epoch, a gateway knows; the chain holds the sums.
        </p>
      )}
      <ul className="cards">
        {value?.workers.map((worker) => (
          <Worker key={worker.address} worker={worker} most={most} history={history.value} />
        ))}
      </ul>
      {value !== undefined && value.total > value.workers.length && (
        <p>
          The first {value.workers.length} of {value.total} workers.
        </p>
      )}
    </>
  );
}

/** In place of what is read from the chain, as long as nobody has said where. */
export function NoNode() {
  return (
    <p className="card">
      This page was not opened from a gateway. <a href="#/chain">Name an RPC node</a> to read the chain from.
    </p>
  );
}

function Worker(props: { readonly worker: WorkerFacts; readonly most: bigint; readonly history: History | undefined }) {
  const { history, most, worker } = props;
  const health = worker.selfReported?.health;
  return (
    <li className="card">
      <h2>
        <Address address={worker.address} />
      </h2>
      {worker.isReachable !== null && (
        <p className={worker.isReachable ? 'state good' : 'state muted'}>
          {worker.isReachable ? 'Can be reached now' : 'Has not announced itself to this gateway lately'}
        </p>
      )}
      {health !== undefined && health !== null && <p className="small">{sayingOf(health)}</p>}
      <Radar karma={worker.karma} most={most} />
      <dl className="karma">
        {KARMA_PARTS.map((part) => (
          <div key={part}>
            <dt>
              <span className={`swatch ${part}`} aria-hidden="true" />
              {part}
            </dt>
            <dd>{karmaOf(worker.karma[part])}</dd>
          </div>
        ))}
        <div className="sum">
          <dt>karma in all</dt>
          <dd>{karmaOf(sumOf(worker.karma))}</dd>
        </div>
      </dl>
      {history !== undefined && (
        <KarmaHistory
          earned={earnedBy(worker.address, history)}
          most={mostOf(history.epochs.flatMap(({ earned }) => earned.map(({ karma }) => sumOf(karma))))}
        />
      )}
      <p className="small">
        Bond {solOf(worker.bondLamports)} SOL, paid so far {solOf(worker.paidLamports)} SOL.{' '}
        {worker.karmaSlot === 0n
          ? 'It has claimed nothing yet; what it earned counts here once it claims.'
          : `Karma as of its last claim, in slot ${worker.karmaSlot}.`}
      </p>
    </li>
  );
}

function sumOf(karma: KarmaFacts): bigint {
  return KARMA_PARTS.reduce((sum, part) => sum + karma[part], 0n);
}

function mostOf(values: readonly bigint[]): bigint {
  return values.reduce((most, value) => (value > most ? value : most), 0n);
}
