import { clusterSettings } from '@karmesh/sdk/clusters/choose';
import { peerSettings } from '@karmesh/sdk/participant/settings';
import { logLevels, type ReadConfigResult, readConfig } from '@karmesh/sdk/runtime';
import { z } from 'zod';

const milliseconds = (value: number, description: string) =>
  z
    .int()
    .min(1)
    .max(3_600_000)
    .default(value)
    .meta({ description: `${description}, in milliseconds` });

/** The settings of `karmesh-gateway`. */
export const gatewaySchema = z.object({
  ...clusterSettings,
  keypair: z.string().min(1).meta({
    description: 'the file of the gateway’s identity key, which signs tickets and pays for its transactions',
    flag: 'k',
    placeholder: 'path',
  }),
  escrow: z.string().optional().meta({
    description: 'the escrow account that pays for requests; the one of this gateway with most lamports unless told',
    placeholder: 'address',
  }),
  dataDir: z
    .string()
    .min(1)
    .default('.karmesh/gateway')
    .meta({ description: 'where state is kept', placeholder: 'folder' }),
  databaseUrl: z.string().optional().meta({
    description: 'a PostgreSQL server instead of the embedded database',
    placeholder: 'postgres://…',
    alsoEnv: 'DATABASE_URL',
  }),
  models: z
    .array(z.string())
    .default([])
    .meta({ description: 'files of the manifests (JSON) of the models to sell', placeholder: 'path,…' }),
  bind: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .meta({ description: 'the address of the HTTP interface', placeholder: 'address' }),
  port: z.int().min(0).max(65_535).default(8787).meta({ description: 'its port; 0 takes a free one' }),
  publicUrl: z.url().optional().meta({ description: 'where clients reach it, if not there', placeholder: 'url' }),
  pageRpcUrl: z.url().optional().meta({
    description:
      'the RPC node that the page at / reads; unless told the gateway’s own where the cluster is local, else none, since its URL may hold a key',
    placeholder: 'url',
  }),
  apiKeyFile: z.string().optional().meta({
    description: 'a file with an API key that is valid; made with a new key if it does not exist',
    placeholder: 'path',
  }),
  ...peerSettings,
  maxRunning: z.int().min(1).max(10_000).default(16).meta({ description: 'requests at once' }),
  maxWaiting: z.int().min(0).max(100_000).default(64).meta({ description: 'requests that wait; one more gets 429' }),
  maxBodyBytes: z.int().min(1024).max(4_000_000).default(2_000_000).meta({ description: 'bytes of a request at most' }),
  defaultMaxTokens: z
    .int()
    .min(1)
    .max(131_072)
    .default(256)
    .meta({ description: 'tokens of an answer whose request names no limit' }),
  deadlineMs: milliseconds(300_000, 'how long a request may take in all'),
  openMs: milliseconds(1_500, 'how long a drawn worker may take to be reached'),
  acceptMs: milliseconds(2_500, 'how long it may take to accept or refuse'),
  sealMs: milliseconds(120_000, 'how long it may take from there to its seal'),
  revealMs: milliseconds(10_000, 'how long it may take to reveal'),
  stragglerMs: milliseconds(
    2_000,
    'how much longer than the second worker to seal the others may take, beyond as long again',
  ),
  retainHours: z
    .number()
    .min(0)
    .max(8760)
    .default(24)
    .meta({ description: 'how long prompt and answer are kept for their bundle' }),
  chainLength: z.int().min(1).max(65_536).default(8192).meta({ description: 'dispatches of an epoch at most' }),
  pollMs: milliseconds(200, 'how often the chain is asked'),
  json: z.boolean().default(false).meta({ description: 'one line of JSON on stdout once it is ready' }),
  logLevel: z.enum(logLevels).default('info').meta({ description: 'the least level that is logged, on stderr' }),
});

export type GatewayConfig = Readonly<z.output<typeof gatewaySchema>>;

/** @throws KarmeshError `CONFIG_INVALID`. */
export function readGatewayConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<ReadConfigResult<typeof gatewaySchema>> {
  return readConfig({
    program: 'karmesh gateway',
    summary:
      'An OpenAI-compatible door to the market. `karmesh gateway register` and `karmesh gateway keys` have their own --help.',
    section: 'gateway',
    schema: gatewaySchema,
    argv,
    env,
    files: ['karmesh.config.json'],
  });
}
