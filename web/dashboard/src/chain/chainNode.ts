import { clusterPreset } from '@karmesh/sdk/client';
import { z } from 'zod';
import { address } from '../market/facts.ts';

/** An RPC node and the program that is read there. */
export type ChainNode = { readonly rpcUrl: string; readonly programId: string };

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
