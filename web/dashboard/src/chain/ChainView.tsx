import { type SyntheticEvent, useEffectEvent, useLayoutEffect, useState } from 'react';
import type { MarketFacts } from '../market/facts.ts';
import { Digest } from '../page/Digest.tsx';
import { Heading } from '../page/Heading.tsx';
import { type ChainNode, KNOWN_NODES } from './chainNode.ts';
import type { OwnNode } from './useOwnNode.ts';

/** Lets a visitor read the chain from a node of their own, instead of believing the gateway that they check. */
export function ChainView(props: {
  readonly ownNode: OwnNode;
  /** What the gateway says of its cluster; undefined without one. */
  readonly gateway: MarketFacts | undefined;
}) {
  const { gateway, ownNode } = props;
  const { own } = ownNode;
  const seen = useEffectEvent(ownNode.seen);
  // Before anything is painted of the next view, which would say again what was read here.
  useLayoutEffect(() => () => seen(), []);
  return (
    <>
      <Heading>Where the chain is read</Heading>
      <p className="lead">
        Checks, workers, epochs and votes can be read from a Solana RPC node of your choice. Then you need not believe
        the gateway; who trusts this page as little opens its files from elsewhere, or takes{' '}
        <code>karmesh receipt verify</code>.
      </p>
      <section>
        <h2>Now</h2>
        <p>{sentenceOfNow(own, gateway)}</p>
        {own !== undefined && (
          <p>
            <button type="button" className="quiet" onClick={ownNode.forget}>
              {gateway === undefined ? 'Forget this node' : 'Go back to the gateway’s'}
            </button>
          </p>
        )}
        {gateway !== undefined && (
          <dl className="facts">
            <dt>The gateway’s cluster</dt>
            <dd>
              <Digest hex={gateway.cluster.genesisHash} />
            </dd>
            <dt>Its program</dt>
            <dd>
              <Digest hex={gateway.cluster.programId} />
            </dd>
          </dl>
        )}
      </section>
      <NodeForm ownNode={ownNode} gateway={gateway} />
    </>
  );
}

function sentenceOfNow(own: ChainNode | undefined, gateway: MarketFacts | undefined): string {
  if (own !== undefined) return `All of it is read at ${new URL(own.rpcUrl).origin}, which you named.`;
  if (gateway === undefined) return 'Nowhere: this page was not opened from a gateway, and you have named no node.';
  const { rpcUrl } = gateway.cluster;
  return rpcUrl === null
    ? 'Workers and epochs are what the gateway read; it names no node, so that checks need one from you.'
    : `Workers and epochs are what the gateway read. Checks and votes are read at ${new URL(rpcUrl).origin}, which it names.`;
}

function NodeForm(props: { readonly ownNode: OwnNode; readonly gateway: MarketFacts | undefined }) {
  const { gateway, ownNode } = props;
  const { name, naming, own } = ownNode;
  const shown = naming?.typed ?? own;
  const [rpcUrl, setRpcUrl] = useState(shown?.rpcUrl ?? '');
  const [programId, setProgramId] = useState(
    shown?.programId ?? gateway?.cluster.programId ?? KNOWN_NODES[0]?.programId ?? '',
  );
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    name({ rpcUrl, programId }, { genesisHash: gateway?.cluster.genesisHash });
  };
  return (
    <form onSubmit={submit}>
      <h2>Name a node</h2>
      <label htmlFor="rpc">RPC URL</label>
      <input
        id="rpc"
        className="mono"
        type="url"
        required
        pattern="https?://.+"
        autoComplete="off"
        spellCheck={false}
        value={rpcUrl}
        onChange={(event) => setRpcUrl(event.target.value)}
        aria-describedby="rpc-help"
      />
      <p id="rpc-help" className="small">
        With https, or on this machine. It stays in this tab and is forgotten when you close it.
      </p>
      <p>
        {KNOWN_NODES.map((node) => (
          <button
            key={node.name}
            type="button"
            className="plain"
            onClick={() => {
              setRpcUrl(node.rpcUrl);
              setProgramId(node.programId);
            }}
          >
            {node.name}
          </button>
        ))}
      </p>
      <label htmlFor="program">Program id</label>
      <input
        id="program"
        className="mono"
        required
        autoComplete="off"
        spellCheck={false}
        value={programId}
        onChange={(event) => setProgramId(event.target.value)}
      />
      <p>
        <button type="submit" disabled={naming?.kind === 'asking'}>
          Read from this node
        </button>
      </p>
      <p role="status" className="standing">
        {naming?.kind === 'asking' && 'Asking the node …'}
        {naming?.kind === 'read' &&
          `It serves ${naming.market.workers} workers and ${naming.market.validators} validators in slot ${naming.market.slot}. The page reads from it now.`}
      </p>
      {naming?.kind === 'failed' && <p role="alert">{`This node is not used: ${naming.reason}`}</p>}
    </form>
  );
}
