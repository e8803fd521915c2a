import { KARMA_PARTS } from '@karmesh/sdk/protocol';
import { Address } from '../page/Address.tsx';
import { Heading } from '../page/Heading.tsx';
import { karmaOf, solOf } from '../page/micro.ts';
import { useFacts, type WorkerFacts, workerFacts } from './facts.ts';

const route = { path: '/v1/market/workers', schema: workerFacts, everyMs: 4_000 };

/** Who sells answers here, and what each has earned. */
export function WorkersView({ rpcUrl }: { readonly rpcUrl: string | undefined }) {
  const { value, failure } = useFacts(route, { isWatched: true });
  const most = (value?.workers ?? []).reduce(
    (top, { karma }) => KARMA_PARTS.reduce((max, part) => (karma[part] > max ? karma[part] : max), top),
    0n,
  );
  return (
    <>
      <Heading>Workers</Heading>
      <p className="lead">
        Karma is earned by answers that two of three workers agreed on, and cannot be bought or passed on. It has five
        parts, each of which halves with time; nothing earns seeding or uptime karma yet, and validation karma is for
        validators.
      </p>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {value === undefined && failure === undefined && <p>Reading …</p>}
      {value?.workers.length === 0 && <p>No worker is registered on this cluster.</p>}
      <ul className="cards">
        {value?.workers.map((worker) => (
          <Worker key={worker.address} worker={worker} most={most} rpcUrl={rpcUrl} />
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

function Worker(props: { readonly worker: WorkerFacts; readonly most: bigint; readonly rpcUrl: string | undefined }) {
  const { worker, most, rpcUrl } = props;
  const total = KARMA_PARTS.reduce((sum, part) => sum + worker.karma[part], 0n);
  return (
    <li className="card">
      <h2>
        <Address address={worker.address} rpcUrl={rpcUrl} />
      </h2>
      <p className={worker.isReachable ? 'state good' : 'state muted'}>
        {worker.isReachable ? 'Can be reached now' : 'Has not announced itself to this gateway'}
      </p>
      <dl className="karma">
        {KARMA_PARTS.map((part) => (
          <div key={part}>
            <dt>{part}</dt>
            <dd>
              {karmaOf(worker.karma[part])}
              <span className="bar" aria-hidden="true" style={{ inlineSize: `${share(worker.karma[part], most)}%` }} />
            </dd>
          </div>
        ))}
        <div className="sum">
          <dt>karma in all</dt>
          <dd>{karmaOf(total)}</dd>
        </div>
      </dl>
      <p className="small">
        Bond {solOf(worker.bondLamports)} SOL, paid so far {solOf(worker.paidLamports)} SOL.{' '}
        {worker.karmaSlot === 0n
          ? 'It has claimed nothing yet; what it earned counts here once it claims.'
          : `Karma as of its last claim, in slot ${worker.karmaSlot}.`}
      </p>
    </li>
  );
}

/** Per cent of the largest, for a bar's width. */
function share(value: bigint, most: bigint): number {
  return most === 0n ? 0 : Number((value * 100n) / most);
}
