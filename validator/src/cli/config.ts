import { join } from 'node:path';
import { BUNDLED_KEYS_PATH, BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { clusterSettings } from '@karmesh/sdk/clusters/choose';
import {
  bondSettings,
  identitySettings,
  peerSettings,
  serviceSettings,
  speechSettings,
} from '@karmesh/sdk/participant/settings';
import { z } from 'zod';
import { HIDDEN_REPORTS } from '../dispute/hiddenReports.ts';

const data = {
  dataDir: z
    .string()
    .default(join('.karmesh', 'validator'))
    .meta({ description: 'where entries, verdicts and the protection log lie', placeholder: 'folder' }),
};

export const initSchema = z.object({
  url: clusterSettings.url,
  keypair: z
    .string()
    .default('identity.json')
    .meta({ flag: 'k', description: 'the identity’s keypair file; made if it is not there', placeholder: 'file' }),
  owner: z.string().default('owner.json').meta({
    description: 'the owner’s keypair file; made if it is not there. It bonds and is paid, and need not stay here',
    placeholder: 'file',
  }),
  ...data,
  listen: peerSettings.listen,
  bootstrap: peerSettings.bootstrap,
  healthPort: serviceSettings.healthPort,
  file: z
    .string()
    .default('karmesh.config.json')
    .meta({ description: 'the file to write the answers to; its other parts stay', placeholder: 'file' }),
  yes: z.boolean().default(false).meta({ description: 'ask nothing: take what is given, and defaults for the rest' }),
  ...speechSettings,
});

export const registerSchema = z.object({
  ...clusterSettings,
  ...identitySettings,
  ...bondSettings,
  evmKey: z.string().optional().meta({
    description: 'a key file from karmesh keygen --evm; its address is registered too, and signs for EVM chains',
    placeholder: 'file',
  }),
  ...speechSettings,
});

export const signEpochSchema = z.object({
  ...clusterSettings,
  evmKey: z.string().meta({ description: 'the key file whose address the validator registered', placeholder: 'file' }),
  evmChainId: z.bigint().min(1n).meta({ description: 'the EVM chain' }),
  contract: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/)
    .meta({ description: 'the contract on it that the statement is for', placeholder: 'address' }),
  epoch: z.bigint().min(0n).optional().meta({ description: 'a final epoch; the last one unless told' }),
  ...speechSettings,
});

const program = {
  programHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'is no SHA-256 in 64 lower-case hexadecimal digits')
    .optional()
    .meta({
      description: 'the SHA-256 of the karma program that the cluster must run; that of this release unless told',
      placeholder: 'sha256',
    }),
};

export const exportSchema = z.object({
  ...data,
  minimal: z
    .boolean()
    .default(false)
    .meta({ description: 'only through which epochs something was signed: smaller, and the rest of them is lost' }),
  withSalts: z.boolean().default(false).meta({
    description:
      'with the salts that open what was sealed, so that the next machine can reveal it; keep such a file secret',
  }),
  ...speechSettings,
});

export const importSchema = z.object({ ...clusterSettings, ...identitySettings, ...data, ...speechSettings });
export type ImportConfig = z.output<typeof importSchema>;

export const statusSchema = z.object({ ...clusterSettings, ...identitySettings, ...data, ...speechSettings });
export type StatusConfig = z.output<typeof statusSchema>;

export const proposalsSchema = z.object({ ...clusterSettings, ...speechSettings });
export const governanceSchema = z.object({
  ...clusterSettings,
  ...identitySettings,
  dryRun: bondSettings.dryRun,
  ...speechSettings,
});
export const proposeSchema = governanceSchema.extend({
  nonce: z.bigint().min(0n).max(0xffff_ffff_ffff_ffffn).optional().meta({
    description: 'tells this validator’s proposals apart; the next free one unless told',
  }),
});
export const evidenceSchema = z.object({
  ...clusterSettings,
  ...identitySettings,
  ...data,
  cluster: z.boolean().default(false).meta({ description: 'every case on chain, whoever found it' }),
  ...speechSettings,
});
export type EvidenceConfig = z.output<typeof evidenceSchema>;

const models = {
  models: z
    .array(z.string())
    .default([BUNDLED_MODEL_PATH])
    .meta({ description: 'the GGUF files whose answers this validator can check', placeholder: 'file' }),
  exactModels: z.array(z.string()).default([BUNDLED_MODEL_PATH]).meta({
    description: 'the GGUF files whose answers of the exact engine it can check; each is converted once',
    placeholder: 'file',
  }),
};

export const startSchema = z.object({
  ...clusterSettings,
  ...program,
  ...identitySettings,
  ...data,
  watchEpochs: z.int().min(1).max(16).default(2).meta({
    description: 'whole epochs to look for another process with this identity, if this folder did not sign last',
  }),
  evidenceLamports: z.bigint().min(0n).default(50_000_000n).meta({
    description:
      'lamports that bringing evidence of others’ offences may cost in one epoch; a case costs 2,130,840 and pays a share of the slash',
  }),
  askForHidden: z.enum(HIDDEN_REPORTS).default('winning').meta({
    description:
      'which reports it asks for on chain that differ from its own and that nobody shows: the one that two thirds revealed, all, or none; who answers takes the bond of who asked',
  }),
  ...models,
  modelKeys: z.array(z.string()).default([BUNDLED_KEYS_PATH]).meta({
    description: 'files with the keys of models whose answers have to be proven; it attests them on chain',
    placeholder: 'file',
  }),
  proofRecords: z.int().min(0).max(65_536).default(256).meta({
    description: 'answers at once whose proofs it has the chain check and keep; each costs fees, and rent for a while',
  }),
  modelCache: z
    .string()
    .default(join('.karmesh', 'models'))
    .meta({ description: 'where converted models are kept', placeholder: 'folder' }),
  threads: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .meta({ description: 'threads of arithmetic in an audit; more than the machine has free cores make it very slow' }),
  crank: z.boolean().default(true).meta({
    description: 'leave passed proposals to others, and accounts that are over open, whose rent this identity paid',
  }),
  collectRewards: z.boolean().default(false).meta({
    description: 'pay the owner’s rewards and commission out once an epoch, if they are worth more than the fees',
  }),
  ...peerSettings,
  pollMs: z.int().min(20).max(10_000).default(300).meta({ description: 'milliseconds between looks at the chain' }),
  ...serviceSettings,
  ...speechSettings,
});
export type StartConfig = z.output<typeof startSchema>;

export const doctorSchema = startSchema.extend({
  epochs: z
    .int()
    .min(1)
    .max(100_000)
    .default(168)
    .meta({ description: 'for how many epochs of votes the identity ought to have lamports' }),
});
export type DoctorConfig = z.output<typeof doctorSchema>;
