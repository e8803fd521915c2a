import { clusterPreset } from '@karmesh/sdk/client';
import { useState } from 'react';
import { z } from 'zod';
import { address } from '../market/facts.ts';

/** An RPC node and the program that is read there. */
export type ChainNode = { readonly rpcUrl: string; readonly programId: string };

const NAME = 'karmesh.node';

/** What a visitor may name. A URL with a password in it could not be fetched. */
export const chainNode = z.object({
  rpcUrl: z.url({ protocol: /^https?$/ }).max(2_000),
  programId: address,
});

/** The presets' nodes, to choose from. */
export const KNOWN_NODES = (['localnet', 'devnet'] as const).map((name) => {
  const { programId, rpcUrl } = clusterPreset(name);
  return { name, rpcUrl, programId };
});

/** The node that the visitor chose, kept until this tab is closed and nowhere else: its URL may hold a key. */
export function useOwnNode(): readonly [ChainNode | undefined, (node: ChainNode | undefined) => void] {
  const [node, setNode] = useState(stored);
  const keep = (next: ChainNode | undefined): void => {
    if (next === undefined) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, JSON.stringify(next));
    setNode(next);
  };
  return [node, keep];
}

function stored(): ChainNode | undefined {
  try {
    return chainNode.safeParse(JSON.parse(sessionStorage.getItem(NAME) ?? 'null')).data;
  } catch {
    // Nobody but this page writes there, and what is no JSON was not written by it.
    return undefined;
  }
}
