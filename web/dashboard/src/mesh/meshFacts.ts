import { z } from 'zod';
import { address } from '../market/facts.ts';

const role = z.enum(['worker', 'validator', 'gateway']).nullable();
export type PeerRole = z.output<typeof role>;
const milliseconds = z.number().nonnegative();
const lost = z
  .object({ cause: z.enum(['closed', 'silent', 'violation', 'failed']), reason: z.string().max(400) })
  .nullable();
const named = { identity: address, participant: address.nullable(), role, isConnected: z.boolean(), lost };

const meshFacts = z.object({
  atMs: milliseconds,
  gateway: address,
  total: z.int(),
  peers: z
    .array(
      z.object({
        ...named,
        sinceMs: milliseconds,
        roundTripMs: milliseconds.nullable(),
        announcedMs: milliseconds.nullable(),
      }),
    )
    .max(1000),
  changes: z.array(z.object({ ...named, number: z.int(), atMs: milliseconds })).max(1000),
});
/** The mesh as the gateway sees it; times are its Unix milliseconds. */
export type MeshFacts = z.output<typeof meshFacts>;
export type MeshPeer = MeshFacts['peers'][number];
export type MeshChange = MeshFacts['changes'][number];

export const meshFeed = { path: '/v1/market/mesh', schema: meshFacts };
