import { join } from 'node:path';
import { clusterSettings } from '@karmesh/sdk/clusters/choose';
import {
  bondSettings,
  identitySettings,
  peerSettings,
  serviceSettings,
  speechSettings,
} from '@karmesh/sdk/participant/settings';
import { z } from 'zod';
import { parseHours } from '../governor/hours.ts';

const modelCache = z
  .string()
  .default(join('.karmesh', 'models'))
  .meta({ description: 'where the exact engine keeps converted models', placeholder: 'folder' });

const engine = {
  engine: z.enum(['llama', 'exact', 'openai']).default('llama').meta({
    description:
      'who runs the model: llama.cpp, integers alone (the same bits on all hardware), or a server that speaks OpenAI’s API (vLLM, llama-server, Ollama)',
  }),
  modelCache,
  engineUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'the base URL of that server, /v1 included', placeholder: 'url' }),
  engineModel: z
    .string()
    .optional()
    .meta({ description: 'the name that the server has for the model; the only one that it lists unless told' }),
  engineKeyFile: z
    .string()
    .optional()
    .meta({ description: 'a file with the server’s API key, readable by you alone', placeholder: 'file' }),
  engineHardware: z
    .string()
    .regex(/^[\x20-\x7e]{1,64}$/)
    .optional()
    .meta({ description: 'what the server computes on, in your words; workers of one class must have it alike' }),
  model: z.string().optional().meta({
    description: 'the GGUF file to run, or that the server runs; the small bundled one unless told',
    placeholder: 'file',
  }),
  threads: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .meta({ description: 'threads of arithmetic; more than the machine has free cores make it very slow' }),
  modelKeys: z.string().optional().meta({
    description:
      'the file with the model’s keys, for requests that are to be proven; those of the bundled model unless told',
    placeholder: 'file',
  }),
  provingKeys: z.string().optional().meta({
    description: 'the folder with the .zkey files of these keys, if they are of a ceremony; development keys need none',
    placeholder: 'folder',
  }),
  prover: z.string().optional().meta({
    description: 'the prover as a program (circuits/native), several times as fast as in WebAssembly',
    placeholder: 'file',
  }),
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

export type EngineConfig = z.output<z.ZodObject<typeof engine>>;

export const describeSchema = z.object({ ...engine, ...speechSettings });

export const registerSchema = z.object({
  ...clusterSettings,
  ...identitySettings,
  ...engine,
  ...bondSettings,
  ...speechSettings,
});

const exactVariant = z.enum(['wide']).optional().meta({
  description: 'wide although narrow would do: finer norms, queries and keys, and another model id',
});

export const inspectSchema = z.object({ variant: exactVariant, json: speechSettings.json });

export const convertSchema = z.object({ variant: exactVariant, modelCache, json: speechSettings.json });

const hex = (bytes: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));

const pinnedPowers = {
  powers: z
    .string()
    .optional()
    .meta({ description: 'the powers of tau, prepared for a second phase', placeholder: 'file' }),
  powersHash: hex(32)
    .optional()
    .meta({ description: 'the SHA-256 that they are pinned by, in hexadecimal', placeholder: 'hash' }),
};
export type PinnedPowersConfig = z.output<z.ZodObject<typeof pinnedPowers>>;

/** What is asked of a key of a ceremony (Z-34). */
const admission = {
  contributions: z.int().min(1).max(1023).default(3).meta({ description: 'contributions before the beacon, at least' }),
  slotHash: hex(32).optional().meta({ description: 'what the beacon must be, in hexadecimal', placeholder: 'hash' }),
  contributionHashes: z.array(hex(64)).default([]).meta({
    description: 'contributions that must be among them, as contributors published them',
    placeholder: 'hash,…',
  }),
};
export type AdmissionConfig = z.output<z.ZodObject<typeof admission>>;

export const keysSchema = z.object({
  modelCache,
  attentionPositions: z.int().min(1).max(4096).default(64).meta({
    description: 'positions that attention’s circuit has room for; beyond them an auditor’s replay covers it',
  }),
  provingKeys: z.string().optional().meta({
    description: 'a folder with keys of ceremonies that are to be the model’s; development keys are made unless told',
    placeholder: 'folder',
  }),
  ...pinnedPowers,
  ...admission,
  out: z
    .string()
    .optional()
    .meta({ description: 'where to write the keys that validators attest', placeholder: 'file' }),
  check: z
    .string()
    .optional()
    .meta({ description: 'a file of such keys that these must be the same as', placeholder: 'file' }),
  json: speechSettings.json,
});

export const benchSchema = z.object({
  modelCache,
  threads: engine.threads,
  rounds: z
    .int()
    .min(1)
    .max(100)
    .default(5)
    .meta({ description: 'how often each engine answers; the median is shown' }),
  tokens: z.int().min(2).max(4096).default(48).meta({ description: 'tokens of an answer, at most' }),
  json: speechSettings.json,
});

/** Which model a ceremony is for, and what its keys begin with. */
const ceremonyModel = {
  model: z.string().optional().meta({
    description: 'the GGUF file of which layers are meant; the small bundled one unless told',
    placeholder: 'file',
  }),
  positions: z
    .int()
    .min(1)
    .max(4096)
    .default(64)
    .meta({ description: 'how many positions the circuit of attention has room for' }),
  modelCache,
  circuitCache: z
    .string()
    .default(join('.karmesh', 'circuits'))
    .meta({ description: 'where compiled circuits are kept', placeholder: 'folder' }),
  ...pinnedPowers,
};
export type CeremonyModelConfig = z.output<z.ZodObject<typeof ceremonyModel>>;

/** Which layer of it. */
const ceremonyLayer = {
  operator: z
    .int()
    .min(0)
    .optional()
    .meta({ description: 'the operator of that model by its number (docs/proofs.md, Z-40)', placeholder: 'number' }),
  layer: z.string().optional().meta({
    description: 'instead of a model’s operator: a shape, rows of weights and a bias as JSON',
    placeholder: 'file',
  }),
  ...ceremonyModel,
};
export type CeremonyLayerConfig = z.output<z.ZodObject<typeof ceremonyLayer>>;

export const ceremonyPowersSchema = z.object({
  power: z
    .int()
    .min(1)
    .max(28)
    .meta({ description: 'room for circuits of fewer than 2^power constraints and public signals' }),
  json: speechSettings.json,
});

export const ceremonyLayersSchema = z.object({ ...ceremonyModel, json: speechSettings.json });

export const ceremonyBeginSchema = z.object({ ...ceremonyLayer, json: speechSettings.json });

export const ceremonyContributeSchema = z.object({
  name: z
    .string()
    .regex(/^[\x20-\x7e]{1,64}$/)
    .meta({ description: 'what you are called in the file' }),
  json: speechSettings.json,
});

export const ceremonyBeaconSchema = z.object({
  slotHash: hex(32).meta({
    description: 'the hash of a slot that was announced before it came, in hexadecimal',
    placeholder: 'hash',
  }),
  iterations: z.int().min(10).max(24).default(10).meta({ description: 'it is hashed 2^iterations times' }),
  json: speechSettings.json,
});

export const ceremonyVerifySchema = z.object({
  ...ceremonyLayer,
  ...admission,
  json: speechSettings.json,
});

/** For whom it works. A draw names workers for whichever gateway, so that a closed one makes all others wait for its refusal. */
const access = z.enum(['open', 'ask']).default('open').meta({
  description: 'whom it works for: every registered gateway, or those that ask and that `karmesh access grant` lets in',
});

/** What an operator lets the worker use, beside `threads`. */
const limits = {
  hours: z
    .array(
      z.string().refine((text) => parseHours(text) !== undefined, {
        error: 'must be hours of the day, such as 22:00-07:00',
      }),
    )
    .default([])
    .meta({
      description:
        'hours in which it takes work, in this machine’s local time (of TZ, where that is set); always unless told',
      placeholder: '22:00-07:00,…',
    }),
  minBattery: z.int().min(1).max(100).optional().meta({
    description: 'percent of its battery below which it takes no work unless plugged in; read on Linux alone',
    placeholder: 'percent',
  }),
  maxMemoryMib: z.int().min(1).optional().meta({
    description: 'MiB of memory that it may use: a model that needs more is not run, and above it no work is taken',
    placeholder: 'MiB',
  }),
};

export const startSchema = z.object({
  ...clusterSettings,
  ...identitySettings,
  ...engine,
  ...limits,
  access,
  dataDir: z
    .string()
    .default(join('.karmesh', 'worker'))
    .meta({ description: 'where receipts and audit records lie', placeholder: 'folder' }),
  ...peerSettings,
  maxProofs: z.int().min(0).max(4096).default(24).meta({
    description:
      'answers that may be under challenge of their proofs at once, where the engine can prove; 0 proves none',
  }),
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
  ...serviceSettings,
  ...speechSettings,
});
export type StartConfig = z.output<typeof startSchema>;
