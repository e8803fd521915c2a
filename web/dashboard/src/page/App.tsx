import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from 'react';
import { AskView } from '../ask/AskView.tsx';
import { ChainView } from '../chain/ChainView.tsx';
import { chainSource } from '../chain/chainSource.ts';
import { useOwnNode } from '../chain/useOwnNode.ts';
import { CheckView } from '../check/CheckView.tsx';
import { EpochsView } from '../market/EpochsView.tsx';
import { type MarketFacts, readMarket } from '../market/facts.ts';
import { WorkersView } from '../market/WorkersView.tsx';
import { MeshView } from '../mesh/MeshView.tsx';
import { PricesView } from '../prices/PricesView.tsx';
import { QueueView } from '../queue/QueueView.tsx';
import { useApiKey } from './apiKey.ts';
import { explorerNode } from './explorerNode.ts';
import { NoGateway } from './NoGateway.tsx';
import { PageContext } from './pageContext.ts';
import { usePlace, VIEWS } from './place.ts';
import { useFacts } from './useFacts.ts';

/** What speaks to wallets is fetched when somebody opens it. */
const AccountView = lazy(async () => ({ default: (await import('../account/AccountView.tsx')).AccountView }));
const OperateView = lazy(async () => ({ default: (await import('../operate/OperateView.tsx')).OperateView }));

const GATEWAY_MS = 5_000;
/** Public RPC nodes count what they are asked. */
const CHAIN_MS = 15_000;

export function App() {
  const place = usePlace();
  const [apiKey, keepApiKey] = useApiKey();
  const ownNode = useOwnNode();
  const { naming, own } = ownNode;
  const [said, say] = useState('');
  const { gateway, hasGateway, failure, isKnown } = useGateway();

  const genesisHash = gateway?.cluster.genesisHash;
  const source = useMemo(
    () => (own === undefined || !isKnown ? undefined : chainSource(own, { genesisHash })),
    [own, isKnown, genesisHash],
  );
  const read = useFacts(source?.market, CHAIN_MS);
  const market = read.value ?? gateway;
  const named = gateway?.cluster.rpcUrl ?? undefined;
  const programId = gateway?.cluster.programId;
  const details = useMemo(() => {
    if (source !== undefined || named === undefined || programId === undefined) return source;
    return chainSource({ rpcUrl: named, programId }, { genesisHash });
  }, [source, named, programId, genesisHash]);

  const explorer = explorerNode(market?.cluster.genesisHash);
  const parts = useMemo(() => ({ explorer, say }), [explorer]);
  useEffect(() => {
    document.title = `${VIEWS.find(({ view }) => view === place.view)?.name ?? 'Ask'} · Karmesh`;
  }, [place.view]);
  // The view of the chain says it beside the form.
  const refused =
    naming?.kind === 'failed' && place.view !== 'chain'
      ? `The node that you named is not used: ${naming.reason}`
      : undefined;
  const troubles = [failure, read.failure, refused].filter((trouble) => trouble !== undefined);
  return (
    <PageContext value={parts}>
      <button type="button" className="skip" onClick={skip}>
        Skip to the content
      </button>
      <header>
        <p className="name">Karmesh</p>
        <nav aria-label="Views">
          {VIEWS.map(({ view, name }) => (
            <a key={view} href={`#/${view}`} aria-current={place.view === view ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        {market?.cluster.isLocal === true && <p className="notice">localnet: development keys, no real money</p>}
      </header>
      <main id="main" tabIndex={-1}>
        {troubles.map((trouble) => (
          <p key={trouble} role="alert">
            {trouble}
          </p>
        ))}
        {/* An answer under way goes on while another view is open. */}
        <div hidden={place.view !== 'ask'}>
          {isKnown && !hasGateway ? (
            <NoGateway name="Ask three workers" what="only a gateway answers questions" />
          ) : (
            <AskView apiKey={apiKey} keepApiKey={keepApiKey} />
          )}
        </div>
        {place.view === 'check' && (
          <CheckView
            key={place.requestId}
            apiKey={apiKey}
            requestId={place.requestId}
            hasGateway={hasGateway}
            node={details?.node}
            isOwnNode={own !== undefined}
            isReady={isKnown}
            isAsking={naming?.kind === 'asking'}
          />
        )}
        {place.view === 'account' &&
          isKnown &&
          (hasGateway ? (
            <Suspense fallback={<p>Reading …</p>}>
              <AccountView node={details?.node} genesisHash={genesisHash} keepApiKey={keepApiKey} />
            </Suspense>
          ) : (
            <NoGateway name="Your account" what="only a gateway keeps accounts" />
          ))}
        {place.view === 'workers' && isKnown && <WorkersView source={source} hasGateway={hasGateway} />}
        {place.view === 'epochs' && isKnown && <EpochsView source={source} details={details} hasGateway={hasGateway} />}
        {place.view === 'mesh' &&
          isKnown &&
          (hasGateway ? <MeshView /> : <NoGateway name="The mesh" what="only a gateway knows its peers" />)}
        {place.view === 'queue' &&
          isKnown &&
          (hasGateway ? <QueueView /> : <NoGateway name="The queue" what="only a gateway has a queue" />)}
        {place.view === 'prices' &&
          isKnown &&
          (hasGateway ? <PricesView /> : <NoGateway name="Prices" what="only a gateway sells answers" />)}
        {place.view === 'operate' && isKnown && (
          <Suspense fallback={<p>Reading …</p>}>
            <OperateView source={details} hasGateway={hasGateway} />
          </Suspense>
        )}
        {place.view === 'chain' && isKnown && <ChainView ownNode={ownNode} gateway={gateway} />}
      </main>
      <p role="status" className="unseen">
        {said}
      </p>
      {market !== undefined && (
        <footer>
          <p>
            {market.workers} workers, {market.validators} validators. Epoch {market.epoch?.toString() ?? 'none yet'},
            slot {market.slot.toString()}
            {own === undefined ? '.' : `, read at ${new URL(own.rpcUrl).origin}.`}
          </p>
        </footer>
      )}
    </PageContext>
  );
}

/** The gateway that serves this page, if one does; it is not known which before its first answer. */
function useGateway() {
  const [isNone, setIsNone] = useState(false);
  const read = useCallback(async (signal: AbortSignal): Promise<MarketFacts | undefined> => {
    const found = await readMarket(signal);
    if (found !== 'none') return found;
    setIsNone(true);
    return undefined;
  }, []);
  const { failure, value } = useFacts(isNone ? undefined : read, GATEWAY_MS);
  const isKnown = isNone || value !== undefined || failure !== undefined;
  return { gateway: value, hasGateway: !isNone, failure, isKnown };
}

function skip(): void {
  document.getElementById('main')?.focus();
}
