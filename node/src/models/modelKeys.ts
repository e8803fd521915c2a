import { readFile } from 'node:fs/promises';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type Domain,
  decode,
  encode,
  equalBytes,
  fromHex,
  hash,
  type LayerKeyName,
  layerKeyTree,
  type ModelFacts,
  type ModelId,
  modelFactsCodec,
  modelFactsLeaf,
  operatorCount,
  type SumTree,
  toHex,
} from '@karmesh/sdk/protocol';
import { writeFileAtomic } from '@karmesh/sdk/runtime';
import { z } from 'zod';

/** The keys of a model's operators, in the order of Z-40, and its facts (Z-44): what a registry is told of it. */
export interface ModelKeys {
  readonly modelId: ModelId;
  readonly facts: ModelFacts;
  /** The public seed of INSECURE DEVELOPMENT KEYS, under which everybody can forge (Z-30); undefined for keys of ceremonies. */
  readonly developmentSeed: Uint8Array | undefined;
  readonly keys: readonly (LayerKeyName & { readonly verifyingKey: Uint8Array })[];
}

const WARNING = 'INSECURE DEVELOPMENT KEYS: everybody can forge proofs under them. Only localnet takes them.';
const hexText = z.string().regex(/^([0-9a-f]{2})+$/);

const fileSchema = z.strictObject({
  format: z.literal('karmesh-model-keys-1'),
  warning: z.literal(WARNING).optional(),
  modelId: hexText,
  developmentSeed: hexText.optional(),
  facts: hexText,
  operators: z.array(z.strictObject({ contextIndex: z.int().min(0).max(255), verifyingKey: hexText })).max(4096),
});

/** Reads a model's keys. Throws `MODEL_INVALID` for a file that is none, or whose facts say otherwise than its seed where the keys come from (Z-36), `STORE_FAILED`'s cause as it comes for one that is not there. */
export async function readModelKeys(path: string): Promise<ModelKeys> {
  const invalid = (cause?: unknown): KarmeshError =>
    new KarmeshError('MODEL_INVALID', 'This file does not hold the keys of a model.', { path }, cause);
  const text = await readFile(path, 'utf8');
  let file: z.infer<typeof fileSchema>;
  let facts: ModelFacts;
  try {
    file = fileSchema.parse(JSON.parse(text));
    facts = decode(modelFactsCodec, fromHex(file.facts));
  } catch (cause) {
    throw invalid(cause);
  }
  if (file.operators.length !== operatorCount(facts.layers)) throw invalid();
  if ((facts.keys === 'development') !== (file.developmentSeed !== undefined)) throw invalid(); // Z-36
  return {
    modelId: fromHex(file.modelId),
    facts,
    developmentSeed: file.developmentSeed === undefined ? undefined : fromHex(file.developmentSeed),
    keys: file.operators.map(({ contextIndex, verifyingKey }) => {
      const bytes = fromHex(verifyingKey);
      return { contextIndex, verifyingKey: bytes, keyId: hash(bytes) };
    }),
  };
}

/** Writes what `readModelKeys` reads. Throws `DISK_FULL`, `STORE_FAILED`. */
export async function writeModelKeys(
  path: string,
  { modelId, facts, developmentSeed, keys }: ModelKeys,
): Promise<void> {
  const file: z.infer<typeof fileSchema> = {
    format: 'karmesh-model-keys-1',
    ...(developmentSeed === undefined ? {} : { warning: WARNING, developmentSeed: toHex(developmentSeed) }),
    modelId: toHex(modelId),
    facts: toHex(encode(modelFactsCodec, facts)),
    operators: keys.map(({ contextIndex, verifyingKey }) => ({ contextIndex, verifyingKey: toHex(verifyingKey) })),
  };
  await writeFileAtomic({ path, bytes: new TextEncoder().encode(`${JSON.stringify(file, undefined, 1)}\n`) });
}

/** Z-40: the tree whose root validators attest. */
export function modelKeyTree(domain: Domain, { modelId, facts, keys }: ModelKeys): SumTree {
  return layerKeyTree(domain, { modelId, keys, facts: modelFactsLeaf(domain, { modelId, facts }) });
}

/** Whether two sets of keys are the same. */
export function isSameKeys(a: ModelKeys, b: ModelKeys): boolean {
  return (
    equalBytes(a.modelId, b.modelId) &&
    equalBytes(encode(modelFactsCodec, a.facts), encode(modelFactsCodec, b.facts)) &&
    a.keys.length === b.keys.length &&
    a.keys.every(({ keyId, contextIndex }, i) => {
      const other = b.keys[i];
      return other !== undefined && other.contextIndex === contextIndex && equalBytes(keyId, other.keyId);
    })
  );
}
