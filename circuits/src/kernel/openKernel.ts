import { readFile } from 'node:fs/promises';
import { type Kernel, type KernelFiles, kernelOf } from './kernel.ts';

let compiled: Promise<WebAssembly.Module> | undefined;

/** An instance of wasm/kernel.wasm. Its memory goes with it. */
export async function openKernel(files?: KernelFiles): Promise<Kernel> {
  compiled ??= readFile(new URL('../../wasm/kernel.wasm', import.meta.url)).then((bytes) => WebAssembly.compile(bytes));
  return kernelOf(await compiled, files);
}
