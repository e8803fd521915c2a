import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { parseGguf } from '../../node/src/models/gguf.ts';

/** The shape of a model of the llama family. */
export interface RandomModelShape {
  readonly width: number;
  readonly blocks: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly hidden: number;
  /** As many tokens as the tokenizer's original has, unless told. */
  readonly vocabulary?: number;
  /** 10,000 unless told. */
  readonly ropeBase?: number;
  /** The head is the embedding. */
  readonly tied?: boolean;
}

const F32 = { number: 0, block: 1, bytes: 4 } as const;
const Q8_0 = { number: 8, block: 32, bytes: 34 } as const;
/** The scale of a block as a 16-bit float, about 0.0003: weights of a deviation of 0.02. */
const SCALE_BITS = 0x0cea;
const ALIGNMENT = 32;
/** Numbers of a GGUF file's value types. */
const U32 = 4;
const I32 = 5;
const FLOAT32 = 6;
const TEXT = 8;
const ARRAY = 9;
/** What a token without meaning is called in `tokenizer.ggml.token_type`. */
const NORMAL_TOKEN = 1;

interface Tensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: typeof F32 | typeof Q8_0;
}

/**
 * Writes a Q8_0 model with the tokenizer of `original`, made longer by tokens that no text has, another shape and weights of no meaning: how
 * fast a model answers does not depend on what it says. The same in every run. Returns how many weights it has.
 */
export async function writeRandomModel(path: string, original: string, shape: RandomModelShape): Promise<number> {
  const { metadata } = await readMetadata(original);
  const vocabulary = shape.vocabulary ?? Number(metadata.get('llama.vocab_size')?.value);
  const settings = settingsOf(shape, vocabulary);
  const list = tensors(shape, vocabulary);
  const parts: Uint8Array[] = [Buffer.from('GGUF'), u32(3), u64(list.length), u64(metadata.size)];
  // A value begins with the number of its type.
  for (const [key, { bytes, count }] of metadata)
    parts.push(text(key), settings.get(key) ?? longerArray({ key, bytes, count }, vocabulary) ?? bytes);
  let offset = 0;
  for (const { name, dimensions, type } of list) {
    parts.push(text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type.number), u64(offset));
    offset += aligned(bytesOf({ dimensions, type }));
  }
  const header = parts.reduce((sum, { length }) => sum + length, 0);
  parts.push(new Uint8Array(aligned(header) - header));
  await using file = await open(path, 'w');
  await file.write(Buffer.concat(parts));
  for (const tensor of list) {
    const data = new Uint8Array(aligned(bytesOf(tensor)));
    if (tensor.type === F32) new Float32Array(data.buffer).fill(1, 0, shape.width);
    else fillWithWeights(data.subarray(0, bytesOf(tensor)), tensor.name);
    await file.write(data);
  }
  return list.reduce((sum, { dimensions }) => sum + elements(dimensions), 0);
}

async function readMetadata(path: string): Promise<ReturnType<typeof parseGguf>> {
  const file = await readFile(path);
  return parseGguf(file, file.length);
}

function settingsOf(shape: RandomModelShape, vocabulary: number): ReadonlyMap<string, Uint8Array> {
  const counts: Readonly<Record<string, number>> = {
    'llama.embedding_length': shape.width,
    'llama.block_count': shape.blocks,
    'llama.feed_forward_length': shape.hidden,
    'llama.attention.head_count': shape.heads,
    'llama.attention.head_count_kv': shape.keyHeads,
    'llama.rope.dimension_count': shape.headSize,
    'llama.vocab_size': vocabulary,
  };
  const ropeBase = Buffer.alloc(4);
  ropeBase.writeFloatLE(shape.ropeBase ?? 10_000);
  return new Map([
    ...Object.entries(counts).map(([key, count]): [string, Uint8Array] => [key, Buffer.concat([u32(U32), u32(count)])]),
    ['llama.rope.freq_base', Buffer.concat([u32(FLOAT32), ropeBase])],
  ]);
}

/** The lists of tokens and of their types with as many elements as the vocabulary has. */
function longerArray(
  { key, bytes, count }: { readonly key: string; readonly bytes: Uint8Array; readonly count: bigint | undefined },
  vocabulary: number,
): Uint8Array | undefined {
  const elementOf = {
    'tokenizer.ggml.tokens': { type: TEXT, value: (id: number) => text(`<no text ${id}>`) },
    'tokenizer.ggml.token_type': { type: I32, value: () => u32(NORMAL_TOKEN) },
  }[key];
  if (elementOf === undefined || count === undefined) return undefined;
  const missing = Array.from({ length: vocabulary - Number(count) }, (_, i) => elementOf.value(Number(count) + i));
  // Types of the value and its elements, the number of elements, then those.
  return Buffer.concat([u32(ARRAY), u32(elementOf.type), u64(vocabulary), bytes.subarray(16), ...missing]);
}

function tensors(shape: RandomModelShape, vocabulary: number): readonly Tensor[] {
  const { width, hidden, blocks, heads, keyHeads, headSize, tied = false } = shape;
  const matrix = (name: string, inputs: number, outputs: number): Tensor => ({
    name: `${name}.weight`,
    dimensions: [inputs, outputs],
    type: Q8_0,
  });
  const norm = (name: string): Tensor => ({ name: `${name}.weight`, dimensions: [width], type: F32 });
  const block = (i: number): readonly Tensor[] => [
    norm(`blk.${i}.attn_norm`),
    norm(`blk.${i}.ffn_norm`),
    matrix(`blk.${i}.attn_q`, width, heads * headSize),
    matrix(`blk.${i}.attn_k`, width, keyHeads * headSize),
    matrix(`blk.${i}.attn_v`, width, keyHeads * headSize),
    matrix(`blk.${i}.attn_output`, heads * headSize, width),
    matrix(`blk.${i}.ffn_gate`, width, hidden),
    matrix(`blk.${i}.ffn_up`, width, hidden),
    matrix(`blk.${i}.ffn_down`, hidden, width),
  ];
  return [
    matrix('token_embd', width, vocabulary),
    ...Array.from({ length: blocks }, (_, i) => block(i)).flat(),
    norm('output_norm'),
    ...(tied ? [] : [matrix('output', width, vocabulary)]),
  ];
}

/** SHAKE-256 of the tensor's name gives the weights; every block gets the same scale. */
function fillWithWeights(data: Uint8Array, name: string): void {
  createHash('shake256', { outputLength: data.length }).update(name).digest().copy(data);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let block = 0; block < data.length; block += Q8_0.bytes) view.setUint16(block, SCALE_BITS, true);
}

function elements(dimensions: readonly number[]): number {
  return dimensions.reduce((product, size) => product * size, 1);
}

function bytesOf({ dimensions, type }: Pick<Tensor, 'dimensions' | 'type'>): number {
  return (elements(dimensions) / type.block) * type.bytes;
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Uint8Array {
  return Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
}
