import { homedir } from 'node:os';
import { join } from 'node:path';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { clusterSettings } from '@karmesh/sdk/clusters/choose';
import { logLevels } from '@karmesh/sdk/runtime';
import { z } from 'zod';

/** Where a validator's settings are looked for. */
export const CONFIG_FILES: readonly string[] = [
  'karmesh.config.json',
  join(homedir(), '.config', 'karmesh', 'karmesh.config.json'),
];

const identity = {
  keypair: z
    .string()
    .default(join(homedir(), '.config', 'solana', 'id.json'))
    .meta({ flag: 'k', description: 'the identity’s keypair file', placeholder: 'file', alsoEnv: 'ANCHOR_WALLET' }),
};

const data = {
  dataDir: z
    .string()
    .default(join('.karmesh', 'validator'))
    .meta({ description: 'where entries, verdicts and the protection log lie', placeholder: 'folder' }),
};

const speech = { json: z.boolean().default(false).meta({ description: 'one line of JSON on stdout' }) };

export const registerSchema = z.object({
  ...clusterSettings,
  ...identity,
  owner: z
    .string()
    .meta({ description: 'the owner’s keypair file; it pays the bond and is paid', placeholder: 'file' }),
  bond: z
    .bigint()
    .min(1n)
    .optional()
    .meta({ description: 'lamports to bond; the least that the cluster takes unless told' }),
  ...speech,
});

export const statusSchema = z.object({ ...clusterSettings, ...identity, ...data, ...speech });
export type StatusConfig = z.output<typeof statusSchema>;

const multiaddrs = z.array(z.string());

export const startSchema = z.object({
  ...clusterSettings,
  ...identity,
  ...data,
  models: z
    .array(z.string())
    .default([BUNDLED_MODEL_PATH])
    .meta({ description: 'the GGUF files whose answers this validator can check', placeholder: 'file' }),
  threads: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .meta({ description: 'threads of arithmetic in an audit; more than the machine has free cores make it very slow' }),
  listen: multiaddrs
    .default(['/ip4/127.0.0.1/tcp/0'])
    .meta({ description: 'multiaddrs to listen on', placeholder: 'multiaddr' }),
  announce: multiaddrs
    .default([])
    .meta({ description: 'multiaddrs to announce instead, behind a port mapping', placeholder: 'multiaddr' }),
  bootstrap: multiaddrs.default([]).meta({ description: 'peers to stay connected to', placeholder: 'multiaddr' }),
  pollMs: z.int().min(20).max(10_000).default(300).meta({ description: 'milliseconds between looks at the chain' }),
  healthHost: z.string().default('127.0.0.1').meta({ description: 'address of /healthz, /readyz and /metrics' }),
  healthPort: z.int().min(0).max(65_535).default(0).meta({ description: 'port of /healthz, /readyz and /metrics' }),
  logLevel: z.enum(logLevels).default('info').meta({ description: 'the least severe log lines to write' }),
  ...speech,
});
export type StartConfig = z.output<typeof startSchema>;
