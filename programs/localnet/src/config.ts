import { logLevels, type ReadConfigResult, readConfig } from '@karmesh/sdk/runtime';
import { z } from 'zod';

/** The settings of `karmesh-localnet`. */
export const localnetSchema = z.object({
  dataDir: z
    .string()
    .min(1)
    .default('.karmesh/localnet')
    .meta({ description: 'The folder that the cluster lives in.', placeholder: 'folder' }),
  port: z
    .int()
    .min(0)
    .max(65_534)
    .default(8_899)
    .meta({ description: 'The RPC port; the websocket takes the next one; 0 finds a free pair.' }),
  bind: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .meta({ description: 'The address to listen on. Whoever reaches it has the faucet.', placeholder: 'address' }),
  slotMs: z.int().min(5).max(60_000).default(400).meta({ description: 'Milliseconds a slot.' }),
  program: z
    .array(z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{32,44}=./, 'must be ID=PATH'))
    .default([])
    .meta({ description: 'A program that is there from the first slot, ID PATH or ID=PATH.', placeholder: 'ID=PATH' }),
  maxLogBytes: z
    .int()
    .min(2 ** 16)
    .default(32 * 2 ** 20)
    .meta({ description: 'Bytes that the log may grow before it is restated.' }),
  json: z.boolean().default(false).meta({ description: 'Print where the cluster listens as one line of JSON.' }),
  logLevel: z.enum(logLevels).default('info').meta({ description: 'The least level that is logged, on stderr.' }),
});

/** @throws KarmeshError `CONFIG_INVALID`. */
export function readLocalnetConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<ReadConfigResult<typeof localnetSchema>> {
  return readConfig({
    program: 'karmesh-localnet',
    summary: 'A local Solana cluster that survives kill -9.',
    section: 'localnet',
    schema: localnetSchema,
    argv: joinProgramPairs(argv),
    env,
    files: ['karmesh.config.json'],
  });
}

/** Turns `--program ID PATH`, as `solana-test-validator --bpf-program` has it, into `--program ID=PATH`. */
function joinProgramPairs(argv: readonly string[]): readonly string[] {
  const out: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const [flag, id, path] = argv.slice(at, at + 3);
    if (flag === '--program' && id !== undefined && !id.includes('=') && path !== undefined && !path.startsWith('--')) {
      out.push(flag, `${id}=${path}`);
      at += 2;
    } else if (flag !== undefined) {
      out.push(flag);
    }
  }
  return out;
}
