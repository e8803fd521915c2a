import { readFile, writeFile } from 'node:fs/promises';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { parseGguf } from '../../node/src/models/gguf.ts';

export interface Flip {
  /** A Q8_0 matrix of the bundled model, for example `blk.2.ffn_up.weight`. */
  readonly tensor: string;
  /** Which of its weights, row by row. */
  readonly weight: number;
}

const BLOCK_BYTES = 34;

/** Writes the bundled model with one weight's sign changed. */
export async function flipWeight(path: string, { tensor, weight }: Flip): Promise<void> {
  const bytes = new Uint8Array(await readFile(BUNDLED_MODEL_PATH));
  const found = parseGguf(bytes, bytes.length).tensors.find(({ name }) => name === tensor);
  if (found === undefined) throw new RangeError(`The bundled model has no ${tensor}.`);
  const at = Number(found.offset) + Math.floor(weight / 32) * BLOCK_BYTES + 2 + (weight % 32);
  const signed = new Int8Array(bytes.buffer);
  const value = signed[at] ?? 0;
  if (value === 0) throw new RangeError('A weight of zero has no other sign.');
  signed[at] = -value;
  await writeFile(path, bytes);
}
