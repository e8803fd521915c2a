import { readFile } from 'node:fs/promises';
import { type TensorCommitter, tensorCommitter } from './tensorCommitter.ts';

/** The commitment by the kernel that stands in this package. */
export async function openTensorCommitter(): Promise<TensorCommitter> {
  return tensorCommitter(await readFile(new URL('../../wasm/kernel.wasm', import.meta.url)));
}
