import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { parseGguf } from '../../../node/src/models/gguf.ts';

// The shape of a small model that people run (76 million weights beside the vocabulary), where a token costs milliseconds.
const WIDTH = 768;
const KEY_VALUE_WIDTH = 256;
const HIDDEN = 2048;
const BLOCKS = 12;
const SETTINGS: Readonly<Record<string, number>> = {
  'llama.embedding_length': WIDTH,
  'llama.block_count': BLOCKS,
  'llama.feed_forward_length': HIDDEN,
  'llama.attention.head_count': WIDTH / 64,
  'llama.attention.head_count_kv': KEY_VALUE_WIDTH / 64,
  'llama.rope.dimension_count': 64,
};
const F32 = { number: 0, block: 1, bytes: 4 } as const;
const Q8_0 = { number: 8, block: 32, bytes: 34 } as const;
/** The scale of a block as a 16-bit float, about 0.0003: weights of a deviation of 0.02. */
const SCALE_BITS = 0x0cea;
const ALIGNMENT = 32;

interface Tensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: typeof F32 | typeof Q8_0;
}

function tensors(vocabulary: number): readonly Tensor[] {
  const matrix = (name: string, inputs: number, outputs: number): Tensor => ({
    name: `${name}.weight`,
    dimensions: [inputs, outputs],
    type: Q8_0,
  });
  const norm = (name: string): Tensor => ({ name: `${name}.weight`, dimensions: [WIDTH], type: F32 });
  const block = (i: number): readonly Tensor[] => [
    norm(`blk.${i}.attn_norm`),
    norm(`blk.${i}.ffn_norm`),
    matrix(`blk.${i}.attn_q`, WIDTH, WIDTH),
    matrix(`blk.${i}.attn_k`, WIDTH, KEY_VALUE_WIDTH),
    matrix(`blk.${i}.attn_v`, WIDTH, KEY_VALUE_WIDTH),
    matrix(`blk.${i}.attn_output`, WIDTH, WIDTH),
    matrix(`blk.${i}.ffn_gate`, WIDTH, HIDDEN),
    matrix(`blk.${i}.ffn_up`, WIDTH, HIDDEN),
    matrix(`blk.${i}.ffn_down`, HIDDEN, WIDTH),
  ];
  return [
    matrix('token_embd', WIDTH, vocabulary),
    ...Array.from({ length: BLOCKS }, (_, i) => block(i)).flat(),
    norm('output_norm'),
    matrix('output', WIDTH, vocabulary),
  ];
}

/**
 * Writes a Q8_0 model with the tokenizer of `original`, another shape and weights of no meaning: how fast a model answers does not depend on
 * what it says. The same in every run. Returns how many weights it has.
 */
export async function writeLargerModel(path: string, original: string): Promise<number> {
  const file = await readFile(original);
  const { metadata } = parseGguf(file, file.length);
  const vocabulary = Number(metadata.get('llama.vocab_size')?.value);
  const list = tensors(vocabulary);
  const parts: Uint8Array[] = [Buffer.from('GGUF'), u32(3), u64(list.length), u64(metadata.size)];
  for (const [key, { bytes }] of metadata) {
    const setting = SETTINGS[key];
    // A value begins with the number of its type.
    parts.push(text(key), setting === undefined ? bytes : Buffer.concat([bytes.subarray(0, 4), u32(setting)]));
  }
  let offset = 0;
  for (const { name, dimensions, type } of list) {
    parts.push(text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type.number), u64(offset));
    offset += aligned(bytesOf({ dimensions, type }));
  }
  const header = parts.reduce((sum, { length }) => sum + length, 0);
  parts.push(new Uint8Array(aligned(header) - header));
  for (const tensor of list) {
    const data = new Uint8Array(aligned(bytesOf(tensor)));
    if (tensor.type === F32) new Float32Array(data.buffer).fill(1, 0, WIDTH);
    else fillWithWeights(data.subarray(0, bytesOf(tensor)), tensor.name);
    parts.push(data);
  }
  await writeFile(path, Buffer.concat(parts));
  return list.reduce((sum, { dimensions }) => sum + elements(dimensions), 0);
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
