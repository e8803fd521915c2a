import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { logLevels } from '../runtime/index.ts';

/** Where a participant's settings are looked for. */
export const configFiles: readonly string[] = [
  'karmesh.config.json',
  join(homedir(), '.config', 'karmesh', 'karmesh.config.json'),
];

export const identitySettings = {
  keypair: z
    .string()
    .default(join(homedir(), '.config', 'solana', 'id.json'))
    .meta({ flag: 'k', description: 'the identity’s keypair file', placeholder: 'file', alsoEnv: 'ANCHOR_WALLET' }),
};

/** Whose an identity is, and what stands behind it. */
export const bondSettings = {
  owner: z
    .string()
    .meta({ description: 'the owner’s keypair file; it pays the bond and is paid', placeholder: 'file' }),
  bond: z
    .bigint()
    .min(1n)
    .optional()
    .meta({ description: 'lamports to bond; the least that the cluster takes unless told' }),
  dryRun: z.boolean().default(false).meta({
    description: 'only show what would be sent, who would sign it and what it would cost; signs and sends nothing',
  }),
};

const multiaddrs = z.array(z.string());

/** How a participant is reached by its peers. */
export const peerSettings = {
  listen: multiaddrs
    .default(['/ip4/127.0.0.1/tcp/0'])
    .meta({ description: 'multiaddrs to listen on', placeholder: 'multiaddr' }),
  announce: multiaddrs
    .default([])
    .meta({ description: 'multiaddrs to announce instead, behind a port mapping', placeholder: 'multiaddr' }),
  bootstrap: multiaddrs.default([]).meta({ description: 'peers to stay connected to', placeholder: 'multiaddr' }),
  lan: z.boolean().default(true).meta({
    description: 'do not look for peers on the local network, which is done where it listens beyond loopback',
  }),
  relay: z
    .boolean()
    .default(false)
    .meta({ description: 'carry connections between peers that cannot dial each other' }),
};

/** How its operator watches it. */
export const serviceSettings = {
  healthHost: z.string().default('127.0.0.1').meta({ description: 'address of /healthz, /readyz and /metrics' }),
  healthPort: z.int().min(0).max(65_535).default(0).meta({ description: 'port of /healthz, /readyz and /metrics' }),
  logLevel: z.enum(logLevels).default('info').meta({ description: 'the least severe log lines to write' }),
};

export const speechSettings = {
  json: z.boolean().default(false).meta({ description: 'one line of JSON on stdout' }),
};
