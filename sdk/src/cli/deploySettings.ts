import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { CLUSTER_NAMES } from '../clusters/index.ts';
import { COMMITTED_PROGRAM } from '../deploy/programFile.ts';
import { chainSettings } from './chainSettings.ts';

const address = z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/, 'must be an address');

/** The settings of `karmesh deploy`. */
export const deploySchema = z.object({
  ...chainSettings,
  keypair: z
    .string()
    .default(join(homedir(), '.config', 'solana', 'id.json'))
    .meta({
      flag: 'k',
      description: 'who pays, initialises and is the upgrade authority at first',
      placeholder: 'file',
      alsoEnv: 'ANCHOR_WALLET',
    }),
  preset: z
    .enum(CLUSTER_NAMES)
    .optional()
    .meta({ description: 'whose parameters Config gets; the named cluster’s unless told, and needed with a URL' }),
  programKeypair: z
    .string()
    .optional()
    .meta({ description: 'the program’s own key, which its first deployment needs', placeholder: 'file' }),
  programFile: z
    .string()
    .default(fileURLToPath(COMMITTED_PROGRAM))
    .meta({ description: 'the program; its SHA-256 stands beside it in a file named .sha256', placeholder: 'file' }),
  upgradeAuthority: address.optional().meta({
    description: 'who may replace the program afterwards: the vault of a multisig; the payer unless told',
    placeholder: 'address',
  }),
  multisig: address.optional().meta({
    description: 'the Squads v4 multisig of that vault, whose time lock is checked',
    placeholder: 'address',
  }),
  final: z.boolean().default(false).meta({ description: 'nobody may ever replace the program' }),
  maxBytes: z
    .int()
    .min(1)
    .max(10 * 2 ** 20)
    .optional()
    .meta({ description: 'room for longer programs; half as much again as this one takes unless told' }),
  start: z.boolean().default(false).meta({ description: 'begin epoch 0 as well, if all holds' }),
  check: z.boolean().default(false).meta({ description: 'only compare the chain with the file and the preset' }),
  dryRun: z.boolean().default(false).meta({ description: 'only show what would be done and what it would cost' }),
  yes: z.boolean().default(false).meta({ description: 'do not ask before it costs' }),
  closeBuffer: z
    .boolean()
    .default(false)
    .meta({ description: 'give up an unfinished deployment and get its buffer’s lamports back' }),
  stateDir: z
    .string()
    .default(join('.karmesh', 'deploy'))
    .meta({ description: 'where the keys of buffers are kept until they are done', placeholder: 'folder' }),
  parallel: z.int().min(1).max(64).default(8).meta({ description: 'transactions in flight at once' }),
  priorityFee: z.int().min(0).max(1_000_000_000).default(0).meta({ description: 'micro-lamports for a compute unit' }),
  timeoutMs: z
    .int()
    .min(1_000)
    .max(600_000)
    .default(60_000)
    .meta({ description: 'how long one transaction is waited for' }),
});

export type DeploySettings = z.output<typeof deploySchema>;
