import { type SyntheticEvent, useEffect, useRef, useState } from 'react';
import type { MarketFacts } from '../market/facts.ts';
import { Digest } from '../page/Digest.tsx';
import { Heading } from '../page/Heading.tsx';
import { sentenceOf } from '../page/sentenceOf.ts';
import { type ChainNode, chainNode, KNOWN_NODES } from './chainNode.ts';
import { chainSource } from './chainSource.ts';

/** Lets a visitor read the chain from a node of their own, instead of believing the gateway that they check. */
export function ChainView(props: {
  readonly own: ChainNode | undefined;
  readonly keepOwn: (node: ChainNode | undefined) => void;
  /** What the gateway says of its cluster; undefined without one. */
  readonly gateway: MarketFacts | undefined;
}) {
  const { gateway, keepOwn, own } = props;
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
            <button type="button" className="quiet" onClick={() => keepOwn(undefined)}>
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
      <NodeForm own={own} keepOwn={keepOwn} gateway={gateway} />
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

type Attempt =
  | { readonly kind: 'asking' }
  | { readonly kind: 'read'; readonly market: MarketFacts }
  | { readonly kind: 'failed'; readonly reason: string };

function NodeForm(props: {
  readonly own: ChainNode | undefined;
  readonly keepOwn: (node: ChainNode) => void;
  readonly gateway: MarketFacts | undefined;
}) {
  const { gateway, keepOwn, own } = props;
  const [rpcUrl, setRpcUrl] = useState(own?.rpcUrl ?? '');
  const [programId, setProgramId] = useState(
    own?.programId ?? gateway?.cluster.programId ?? KNOWN_NODES[0]?.programId ?? '',
  );
  const [attempt, setAttempt] = useState<Attempt>();
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const submit = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    running.current?.abort();
    const ended = new AbortController();
    running.current = ended;
    const parsed = chainNode.safeParse({ rpcUrl: rpcUrl.trim(), programId: programId.trim() });
    if (!parsed.success) return setAttempt({ kind: 'failed', reason: 'This is no URL of a node, or no program id.' });
    setAttempt({ kind: 'asking' });
    try {
      const source = chainSource(parsed.data, { genesisHash: gateway?.cluster.genesisHash });
      const market = await source.market(ended.signal);
      setAttempt({ kind: 'read', market });
      keepOwn(parsed.data);
    } catch (cause) {
      if (!ended.signal.aborted) setAttempt({ kind: 'failed', reason: sentenceOf(cause) });
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
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
        <button type="submit" disabled={attempt?.kind === 'asking'}>
          Read from this node
        </button>
      </p>
      <p role="status" className="standing">
        {attempt?.kind === 'asking' && 'Asking the node …'}
        {attempt?.kind === 'read' &&
          `It serves ${attempt.market.workers} workers and ${attempt.market.validators} validators in slot ${attempt.market.slot}. The page reads from it now.`}
      </p>
      {attempt?.kind === 'failed' && <p role="alert">{`This node is not used: ${attempt.reason}`}</p>}
    </form>
  );
}
