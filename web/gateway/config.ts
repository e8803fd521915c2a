import { clusterSettings } from '@karmesh/sdk/clusters/choose';
import { peerSettings } from '@karmesh/sdk/participant/settings';
import { logLevels, type ReadConfigResult, readConfig } from '@karmesh/sdk/runtime';
import { z } from 'zod';
import { ABILITY_PATTERN } from './openai/abilities.ts';
import { KARMA_LANE_PATTERN } from './pricing/earnedLanes.ts';

const milliseconds = (value: number, description: string) =>
  z
    .int()
    .min(1)
    .max(3_600_000)
    .default(value)
    .meta({ description: `${description}, in milliseconds` });

/** Scheme, host and port, and no path; or any. */
const ORIGIN = /^(?:\*|https?:\/\/[^/\s?#,]+)$/;

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
  abilities: z.array(z.string().regex(ABILITY_PATTERN, 'must be MODEL=tools or MODEL=json')).default([]).meta({
    description: 'what models were trained for beyond plain text: tools (calls of functions), json (JSON mode)',
    placeholder: 'MODEL=ABILITY,…',
  }),
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
  maxWaitingPerAccount: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .meta({ description: 'of these, those of one account; half of them unless told' }),
  keyRequestsPerMinute: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .meta({ description: 'requests that an API key may make in a minute; as many as it likes unless told' }),
  keyTokensPerMinute: z.int().min(1).max(1_000_000_000).optional().meta({
    description: 'tokens that its requests may use, by `max_tokens` and the bytes of their prompts; likewise',
  }),
  depositAddress: z.string().optional().meta({
    description:
      'the wallet that deposits go to; the gateway’s owner unless told. One that serves nothing else is best',
    placeholder: 'address',
  }),
  tokenRate: z.int().min(1).max(1_000_000_000_000_000).optional().meta({
    description:
      'lamports that a deposit of 10^9 base units of the market’s token is credited as; without it tokens are not taken',
  }),
  depositOfferMs: milliseconds(900_000, 'how long the rate of an offered deposit holds'),
  sessionHours: z
    .number()
    .min(0.01)
    .max(720)
    .default(12)
    .meta({ description: 'how long a wallet that has logged in stays so' }),
  newWalletsPerHour: z.int().min(0).max(1_000_000).default(100).meta({
    description: 'wallets that may get an account by logging in, within an hour; those that paid in have one',
  }),
  baseFeeTarget: z
    .int()
    .min(1)
    .max(100_000)
    .default(16)
    .meta({ description: 'requests that may wait before prices rise' }),
  baseFeeCeiling: z
    .int()
    .min(1_000)
    .max(1_000_000)
    .default(8_000)
    .meta({ description: 'how far they may rise, in thousandths of the lane’s price' }),
  karmaLanes: z
    .array(z.string().regex(KARMA_LANE_PATTERN, 'must be LANE=KARMA'))
    .default(['silver=100000', 'gold=1000000', 'platinum=10000000', 'diamond=100000000'])
    .meta({
      description: 'the karma of an account’s participants that earns it a lane at the price of bronze',
      placeholder: 'LANE=KARMA,…',
    }),
  quoteMs: milliseconds(60_000, 'how long a quote holds'),
  x402: z.boolean().default(false).meta({ description: 'take payments of x402 for requests without an API key' }),
  unpaidPerMinute: z.int().min(1).max(1_000_000).default(60).meta({
    description: 'requests without an API key that an address may make in a minute before it has paid (x402)',
  }),
  unpaidPerMinuteInAll: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(1_200)
    .meta({ description: 'how many all addresses together may make' }),
  clientAddressHeader: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, 'must be the name of a header')
    .optional()
    .meta({
      description:
        'the header in which your proxy writes its client’s address, the last in it; without it the connection’s counts. Behind no proxy anybody writes it',
      placeholder: 'name',
    }),
  allowOrigin: z
    .array(z.string().regex(ORIGIN, 'must be an origin such as https://example.org, or *'))
    .default([])
    .meta({
      description: 'origins whose pages may call the API from a browser, or * for all; none unless told',
      placeholder: 'origin,…',
    }),
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
