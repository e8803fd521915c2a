import { homedir } from 'node:os';
import { join } from 'node:path';
import { clusterSettings } from '@karmesh/sdk/clusters/choose';
import { logLevels } from '@karmesh/sdk/runtime';
import { z } from 'zod';

/** Where a worker's settings are looked for. */
export const CONFIG_FILES: readonly string[] = [
  'karmesh.config.json',
  join(homedir(), '.config', 'karmesh', 'karmesh.config.json'),
];

const engine = {
  model: z
    .string()
    .optional()
    .meta({ description: 'the GGUF file to run; the small bundled one unless told', placeholder: 'file' }),
  threads: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .meta({ description: 'threads of arithmetic; more than the machine has free cores make it very slow' }),
  sequences: z.int().min(1).max(256).default(4).meta({ description: 'requests that run at once' }),
  contextSize: z
    .int()
    .min(16)
    .optional()
    .meta({ description: 'tokens of prompt and answer together; the model’s limit, at most 4096, unless told' }),
  gpu: z
    .enum(['cuda', 'vulkan', 'metal'])
    .optional()
    .meta({ description: 'run on a GPU whose package is installed; the CPU unless told' }),
  forceCpuLibrary: z
    .string()
    .regex(/^[a-z0-9_]+$/)
    .optional()
    .meta({ description: 'for tests: a CPU library of llama.cpp to run instead of the best one', placeholder: 'name' }),
};

const identity = {
  keypair: z
    .string()
    .default(join(homedir(), '.config', 'solana', 'id.json'))
    .meta({ flag: 'k', description: 'the identity’s keypair file', placeholder: 'file', alsoEnv: 'ANCHOR_WALLET' }),
};

const speech = { json: z.boolean().default(false).meta({ description: 'one line of JSON on stdout' }) };

export type EngineConfig = z.output<z.ZodObject<typeof engine>>;

export const describeSchema = z.object({ ...engine, ...speech });

export const registerSchema = z.object({
  ...clusterSettings,
  ...identity,
  ...engine,
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

const multiaddrs = z.array(z.string());

export const startSchema = z.object({
  ...clusterSettings,
  ...identity,
  ...engine,
  dataDir: z
    .string()
    .default(join('.karmesh', 'worker'))
    .meta({ description: 'where receipts and audit records lie', placeholder: 'folder' }),
  listen: multiaddrs
    .default(['/ip4/127.0.0.1/tcp/0'])
    .meta({ description: 'multiaddrs to listen on', placeholder: 'multiaddr' }),
  announce: multiaddrs
    .default([])
    .meta({ description: 'multiaddrs to announce instead, behind a port mapping', placeholder: 'multiaddr' }),
  bootstrap: multiaddrs.default([]).meta({ description: 'peers to stay connected to', placeholder: 'multiaddr' }),
  maxQueue: z.int().min(0).max(4096).default(16).meta({ description: 'requests that may wait for the engine' }),
  runSeconds: z
    .number()
    .positive()
    .default(120)
    .meta({ description: 'how long one answer may take, its wait included' }),
  sealSeconds: z
    .number()
    .positive()
    .default(300)
    .meta({ description: 'how long to wait for the other workers’ seals' }),
  pollMs: z.int().min(20).max(10_000).default(200).meta({ description: 'milliseconds between looks at the chain' }),
  healthHost: z.string().default('127.0.0.1').meta({ description: 'address of /healthz, /readyz and /metrics' }),
  healthPort: z.int().min(0).max(65_535).default(0).meta({ description: 'port of /healthz, /readyz and /metrics' }),
  logLevel: z.enum(logLevels).default('info').meta({ description: 'the least severe log lines to write' }),
  ...speech,
});
export type StartConfig = z.output<typeof startSchema>;
