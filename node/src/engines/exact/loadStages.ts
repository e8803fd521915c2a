import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { KernelVariant } from './kernels.ts';
import { openModelFile } from './modelFiles.ts';
import { type HelperSettings, type LoadedStages, type OpenStagesOptions, openStages } from './openStages.ts';

export interface LoadStagesOptions extends OpenStagesOptions {
  /** A converted model. */
  readonly modelPath: string;
  readonly kernels: 'simd' | 'plain';
}

/** Loads stages of a converted model from a file, see `openStages`. */
export async function loadStages({ modelPath, kernels, ...options }: LoadStagesOptions): Promise<LoadedStages> {
  await using source = await openModelFile(modelPath);
  const module = await compileKernels(options.threads > 1 ? 'threads' : kernels);
  return await openStages(options, { source, module, startHelper });
}

/** The committed kernels, built from node/kernels. */
export async function compileKernels(variant: KernelVariant): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(new URL(`../../../wasm/${variant}.wasm`, import.meta.url)));
}

/** A thread that does its part of every job until the kernels are dismissed. */
async function startHelper(settings: HelperSettings): Promise<AsyncDisposable> {
  const thread = new Worker(new URL('./helperThread.ts', import.meta.url), { workerData: settings });
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    thread.once('message', () => resolve());
    thread.once('error', reject);
  });
  return {
    [Symbol.asyncDispose]: () => ended,
  };
}
