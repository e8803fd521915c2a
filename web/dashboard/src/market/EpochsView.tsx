import type { ChainSource } from '../chain/chainSource.ts';
import { Address } from '../page/Address.tsx';
import { Digest } from '../page/Digest.tsx';
import { Heading } from '../page/Heading.tsx';
import { solOf } from '../page/micro.ts';
import { Track } from '../page/Track.tsx';
import { useFacts } from '../page/useFacts.ts';
import { EpochVotes } from './EpochVotes.tsx';
import { EPOCH_STATES, type EpochFacts, readEpochs } from './facts.ts';
import { NoNode } from './WorkersView.tsx';

const GATEWAY_MS = 2_000;
/** Public RPC nodes count what they are asked. */
const CHAIN_MS = 8_000;

/** How the chain comes to final results, epoch by epoch: from the visitor's own node, else from the gateway. */
export function EpochsView(props: {
  readonly source: ChainSource | undefined;
  /** The node that votes are read from: the visitor's own, or the one that the gateway names. */
  readonly details: ChainSource | undefined;
  readonly hasGateway: boolean;
}) {
  const { details, hasGateway, source } = props;
  const read = source?.epochs ?? (hasGateway ? readEpochs : undefined);
  const { failure, value } = useFacts(read, source === undefined ? GATEWAY_MS : CHAIN_MS);
  return (
    <>
      <Heading>Epochs</Heading>
      <p className="lead">
        All answers of an epoch form one set. Validators attest its root, then a beacon that nobody could foresee draws
        the answers that are audited, and two thirds of the stake vote for one report of who earned what.
      </p>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {read === undefined && <NoNode />}
      {read !== undefined && value === undefined && failure === undefined && <p>Reading …</p>}
      {value !== undefined && (
        <p>
          {value.current === null
            ? 'The first epoch has not begun.'
            : `Epoch ${value.current} is running; it is closed once it is over.`}
        </p>
      )}
      <ol className="epochs" reversed>
        {value?.epochs.map((epoch) => (
          <Epoch key={epoch.address} epoch={epoch} details={details} />
        ))}
      </ol>
    </>
  );
}

function Epoch({ epoch, details }: { readonly epoch: EpochFacts; readonly details: ChainSource | undefined }) {
  const reached = EPOCH_STATES.indexOf(epoch.state);
  return (
    <li className="card">
      <h2>
        Epoch {epoch.epoch.toString()} <small>{epoch.state}</small>
      </h2>
      <Track
        steps={EPOCH_STATES.map((name, i) => ({ name, state: i <= reached ? 'done' : 'todo' }))}
        label={`Progress of epoch ${epoch.epoch}`}
      />
      <dl className="facts">
        <dt>Answers in the set</dt>
        <dd>{epoch.entryCount}</dd>
        <dt>Root of the set</dt>
        <dd>
          <Digest hex={epoch.receiptSetRoot} />
        </dd>
        <dt>Stake that attested it</dt>
        <dd>
          {solOf(epoch.attestedStake)} of {solOf(epoch.totalStake)} SOL
        </dd>
        <dt>Beacon</dt>
        <dd>{epoch.beacon === null ? 'not yet' : <Digest hex={epoch.beacon} />}</dd>
        <dt>Audit verdicts</dt>
        <dd>{epoch.verdictCount ?? 'not yet'}</dd>
        <dt>Root of karma and pay</dt>
        <dd>{epoch.root === null ? 'not yet' : <Digest hex={epoch.root} />}</dd>
        <dt>Settled</dt>
        <dd>{epoch.settledLamports === null ? 'not yet' : `${solOf(epoch.settledLamports)} SOL`}</dd>
        <dt>Account</dt>
        <dd>
          <Address address={epoch.address} />
        </dd>
      </dl>
      {details !== undefined && (
        <EpochVotes epoch={epoch.epoch} isFinal={epoch.state === 'finalised'} source={details} />
      )}
    </li>
  );
}
