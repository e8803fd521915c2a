import { useEffect } from 'react';
import { AskView } from '../ask/AskView.tsx';
import { CheckView } from '../check/CheckView.tsx';
import { EpochsView } from '../market/EpochsView.tsx';
import { marketFacts, useFacts } from '../market/facts.ts';
import { WorkersView } from '../market/WorkersView.tsx';
import { useApiKey } from './apiKey.ts';
import { usePlace } from './place.ts';

const views = [
  { view: 'ask', name: 'Ask' },
  { view: 'check', name: 'Check' },
  { view: 'workers', name: 'Workers' },
  { view: 'epochs', name: 'Epochs' },
] as const;
const route = { path: '/v1/market', schema: marketFacts, everyMs: 5_000 };

export function App() {
  const place = usePlace();
  const [apiKey, keepApiKey] = useApiKey();
  const market = useFacts(route, { isWatched: true });
  const rpcUrl = market.value?.cluster.rpcUrl ?? undefined;
  useEffect(() => {
    document.title = `${views.find(({ view }) => view === place.view)?.name ?? 'Ask'} · Karmesh`;
  }, [place.view]);
  return (
    <>
      <button type="button" className="skip" onClick={skip}>
        Skip to the content
      </button>
      <header>
        <p className="name">Karmesh</p>
        <nav aria-label="Views">
          {views.map(({ view, name }) => (
            <a key={view} href={`#/${view}`} aria-current={place.view === view ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        {market.value?.cluster.isLocal === true && <p className="notice">localnet: development keys, no real money</p>}
      </header>
      <main id="main" tabIndex={-1}>
        {market.value === undefined && market.failure !== undefined && <p role="alert">{market.failure}</p>}
        {/* An answer under way goes on while another view is open. */}
        <div hidden={place.view !== 'ask'}>
          <AskView apiKey={apiKey} keepApiKey={keepApiKey} rpcUrl={rpcUrl} />
        </div>
        {place.view === 'check' && (
          <CheckView
            key={place.requestId}
            apiKey={apiKey}
            requestId={place.requestId}
            cluster={market.value?.cluster}
          />
        )}
        {place.view === 'workers' && <WorkersView rpcUrl={rpcUrl} />}
        {place.view === 'epochs' && <EpochsView rpcUrl={rpcUrl} />}
      </main>
      {market.value !== undefined && (
        <footer>
          <p>
            {market.value.workers} workers, {market.value.validators} validators. Epoch{' '}
            {market.value.epoch?.toString() ?? 'none yet'}, slot {market.value.slot.toString()}.
            {market.failure !== undefined && ` Not up to date: ${market.failure}`}
          </p>
        </footer>
      )}
    </>
  );
}

function skip(): void {
  document.getElementById('main')?.focus();
}
