import { useEffect, useRef, useState } from 'react';
import type { MarketFacts } from '../market/facts.ts';
import { sentenceOf } from '../page/sentenceOf.ts';
import { type ChainNode, chainNode } from './chainNode.ts';
import { chainSource } from './chainSource.ts';

const NAME = 'karmesh.node';

/** How it goes with the node that the visitor named last, as they typed it. */
export type Naming = { readonly typed: ChainNode } & (
  | { readonly kind: 'asking' }
  | { readonly kind: 'read'; readonly market: MarketFacts }
  | { readonly kind: 'failed'; readonly reason: string }
);

export type OwnNode = {
  /** The node that the visitor chose, kept until this tab is closed and nowhere else: its URL may hold a key. */
  readonly own: ChainNode | undefined;
  /** Undefined once it was seen how it went. */
  readonly naming: Naming | undefined;
  /** Asks a node what it serves, and reads from it if it is of the cluster with this genesis, or of any where none is told. */
  readonly name: (typed: ChainNode, options: { readonly genesisHash: string | undefined }) => void;
  readonly forget: () => void;
  /** Drops what was seen. A node that is still being asked goes on being asked. */
  readonly seen: () => void;
};

/** Belongs to the whole page: a node that is named is asked while the visitor goes on to what they want to read from it. */
export function useOwnNode(): OwnNode {
  const [own, setOwn] = useState(stored);
  const [naming, setNaming] = useState<Naming>();
  const asking = useRef<AbortController>(undefined);
  useEffect(() => () => asking.current?.abort(), []);
  const keep = (next: ChainNode | undefined): void => {
    if (next === undefined) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, JSON.stringify(next));
    setOwn(next);
  };
  const ask = async (typed: ChainNode, genesisHash: string | undefined): Promise<void> => {
    asking.current?.abort();
    const ended = new AbortController();
    asking.current = ended;
    const { signal } = ended;
    const node = chainNode.safeParse({ rpcUrl: typed.rpcUrl.trim(), programId: typed.programId.trim() }).data;
    if (node === undefined)
      return setNaming({ typed, kind: 'failed', reason: 'This is no URL of a node, or no program id.' });
    setNaming({ typed, kind: 'asking' });
    try {
      const market = await chainSource(node, { genesisHash }).market(signal);
      if (signal.aborted) return;
      setNaming({ typed, kind: 'read', market });
      keep(node);
    } catch (cause) {
      if (!signal.aborted) setNaming({ typed, kind: 'failed', reason: sentenceOf(cause) });
    }
  };
  return {
    own,
    naming,
    name: (typed, { genesisHash }) => void ask(typed, genesisHash),
    forget() {
      asking.current?.abort();
      setNaming(undefined);
      keep(undefined);
    },
    seen: () => setNaming((now) => (now?.kind === 'asking' ? now : undefined)),
  };
}

function stored(): ChainNode | undefined {
  try {
    return chainNode.safeParse(JSON.parse(sessionStorage.getItem(NAME) ?? 'null')).data;
  } catch {
    // Nobody but this page writes there, and what is no JSON was not written by it.
    return undefined;
  }
}
