import { KarmeshError } from '@karmesh/sdk/errors';
import { concatBytes, type Hash, hash, type ModelManifest, u64le } from '@karmesh/sdk/protocol';
import type { Gguf } from './gguf.ts';

/**
 * Names longer than the manifest's fields are cut, so that no file can be refused for its title: to so many UTF-16 units, and to whole characters of so
 * many bytes, which leaves room for what a conversion adds (X-50 of docs/exact-arithmetic.md).
 */
const NAME_LENGTH = 100;
const NAME_BYTES = 120;

/**
 * F-12: the manifest of a model file, from nothing but its bytes, so that everybody who holds the file finds one model id. A file
 * without a name or licence gets its architecture and `unspecified`.
 */
export function manifestOf(gguf: Gguf, file: { readonly fileHash: Hash; readonly fileBytes: bigint }): ModelManifest {
  const text = (key: string): string | undefined => {
    const value = gguf.metadata.get(key)?.value;
    return typeof value === 'string' && value !== '' ? cutName(value) : undefined;
  };
  const count = (key: string): number | undefined => {
    const value = gguf.metadata.get(key)?.value;
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32 ? value : undefined;
  };
  const architecture = text('general.architecture');
  if (architecture === undefined || architecture.length > 64)
    throw new KarmeshError('MODEL_INVALID', 'The model file does not name its architecture.');
  const contextLength = count(`${architecture}.context_length`);
  const tokens = gguf.metadata.get('tokenizer.ggml.tokens')?.count;
  if (contextLength === undefined || tokens === undefined)
    throw new KarmeshError('MODEL_INVALID', 'The model file lacks its context length or its vocabulary.', {
      architecture,
    });
  return {
    name: text('general.name') ?? architecture,
    ...file,
    architecture,
    quantisation: quantisationOf(gguf),
    tokenizerHash: tokenizerHashOf(gguf),
    templateHash: hash(new TextEncoder().encode(templateOf(gguf) ?? '')),
    totalParameters: gguf.tensors.reduce((sum, { elements }) => sum + elements, 0n),
    activeParameters: activeParameters(gguf, {
      experts: count(`${architecture}.expert_count`) ?? 0,
      used: count(`${architecture}.expert_used_count`) ?? 0,
    }),
    contextLength,
    vocabulary: Number(tokens),
    licence: text('general.license') ?? 'unspecified',
  };
}

function cutName(value: string): string {
  const cut = [...value.toWellFormed().slice(0, NAME_LENGTH)].filter((character) => character.isWellFormed());
  while (new TextEncoder().encode(cut.join('')).length > NAME_BYTES) cut.pop();
  return cut.join('');
}

/** The chat template of a model file (Jinja), or undefined if it has none. */
export function templateOf(gguf: Gguf): string | undefined {
  const value = gguf.metadata.get('tokenizer.chat_template')?.value;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The tensor type that holds the most weights. */
function quantisationOf(gguf: Gguf): string {
  const weights = new Map<string, bigint>();
  for (const { type, elements } of gguf.tensors) weights.set(type, (weights.get(type) ?? 0n) + elements);
  let most: readonly [string, bigint] = ['none', 0n];
  for (const entry of weights) if (entry[1] > most[1]) most = entry;
  return most[0];
}

/** F-12: SHA-256 over the metadata under `tokenizer.`, except for chat templates, in the order of their keys: key, length u64, value as in the file. */
function tokenizerHashOf(gguf: Gguf): Hash {
  const keys = [...gguf.metadata.keys()].filter(
    (key) => key.startsWith('tokenizer.') && !key.startsWith('tokenizer.chat_template'),
  );
  const parts = keys.sort().map((key) => {
    const bytes = gguf.metadata.get(key)?.bytes ?? new Uint8Array(0);
    return concatBytes(new TextEncoder().encode(key), u64le(BigInt(bytes.length)), bytes);
  });
  return hash(...parts);
}

/** Of a mixture's expert tensors a token passes through `used` of `experts`; of every other tensor, through all. */
function activeParameters(gguf: Gguf, mixture: { readonly experts: number; readonly used: number }): bigint {
  const isMixture = mixture.experts > 0 && mixture.used > 0 && mixture.used <= mixture.experts;
  return gguf.tensors.reduce((sum, { name, elements }) => {
    const isExpert = isMixture && name.includes('_exps');
    return sum + (isExpert ? (elements * BigInt(mixture.used)) / BigInt(mixture.experts) : elements);
  }, 0n);
}
