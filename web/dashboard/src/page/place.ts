import { useSyncExternalStore } from 'react';

/** What the address bar names: `#/workers`, `#/check/REQUEST`. */
export type Place =
  | { readonly view: 'ask' | 'workers' | 'epochs' }
  | { readonly view: 'check'; readonly requestId: string };

export function placeOf(hash: string): Place {
  const [view, rest = ''] = hash.replace(/^#\/?/, '').split('/');
  if (view === 'workers' || view === 'epochs') return { view };
  return view === 'check' ? { view, requestId: /^[0-9a-f]{64}$/.test(rest) ? rest : '' } : { view: 'ask' };
}

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
}

export function usePlace(): Place {
  return placeOf(useSyncExternalStore(subscribe, () => location.hash));
}
