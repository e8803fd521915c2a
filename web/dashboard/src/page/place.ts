import { useSyncExternalStore } from 'react';

/** The views, in the order of the navigation; Check may name a request. */
export const VIEWS = [
  { view: 'ask', name: 'Ask' },
  { view: 'check', name: 'Check' },
  { view: 'account', name: 'Account' },
  { view: 'workers', name: 'Workers' },
  { view: 'epochs', name: 'Epochs' },
  { view: 'mesh', name: 'Mesh' },
  { view: 'queue', name: 'Queue' },
  { view: 'prices', name: 'Prices' },
  { view: 'operate', name: 'Operate' },
  { view: 'chain', name: 'Chain' },
] as const;
type View = (typeof VIEWS)[number]['view'];

/** What the address bar names: `#/workers`, `#/check/REQUEST`. */
export type Place = { readonly view: Exclude<View, 'check'> } | { readonly view: 'check'; readonly requestId: string };

export function placeOf(hash: string): Place {
  const [name, rest = ''] = hash.replace(/^#\/?/, '').split('/');
  const view = VIEWS.find((each) => each.view === name)?.view ?? 'ask';
  return view === 'check' ? { view, requestId: /^[0-9a-f]{64}$/.test(rest) ? rest : '' } : { view };
}

/** The visitor has gone to a view whose heading is not there yet. */
let isArriving = false;

/** True once for each time that the visitor goes to a view. */
export function arrive(): boolean {
  const arrived = isArriving;
  isArriving = false;
  return arrived;
}

function subscribe(listener: () => void): () => void {
  const onChange = (): void => {
    isArriving = true;
    listener();
  };
  addEventListener('hashchange', onChange);
  return () => removeEventListener('hashchange', onChange);
}

export function usePlace(): Place {
  return placeOf(useSyncExternalStore(subscribe, () => location.hash));
}
