import { readFile } from 'node:fs/promises';
import { type CommitTensor, tensorCommitter } from './tensorCommitter.ts';

/** The commitment by the kernel that stands in this package. */
export async function openTensorCommitter(): Promise<CommitTensor> {
  return tensorCommitter(await readFile(new URL('../../wasm/kernel.wasm', import.meta.url)));
}
