import { createContext, useContext } from 'react';

/** What every part of the page may need. */
export type PageParts = {
  /** A public RPC node of the cluster, if an explorer can show that cluster. */
  readonly explorer: string | undefined;
  /** Says a sentence to screen readers. */
  readonly say: (sentence: string) => void;
};

export const PageContext = createContext<PageParts>({ explorer: undefined, say: () => {} });

export function usePage(): PageParts {
  return useContext(PageContext);
}
