import { type FileHandle, open, readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { ExactSource } from '../file/exactModel.ts';
import type { KernelVariant } from './kernels.ts';
import { type HelperSettings, type LoadedStages, type OpenStagesOptions, openStages } from './openStages.ts';

export interface LoadStagesOptions extends OpenStagesOptions {
  /** A converted model. */
  readonly modelPath: string;
  readonly kernels: 'simd' | 'plain';
}

/** Loads stages of a converted model from a file, see `openStages`. */
export async function loadStages({ modelPath, kernels, ...options }: LoadStagesOptions): Promise<LoadedStages> {
  const module = await compileKernels(options.threads > 1 ? 'threads' : kernels);
  const file = await open(modelPath, 'r');
  try {
    return await openStages(options, { source: await fileSource(file), module, startHelper });
  } finally {
    await file.close();
  }
}

async function fileSource(file: FileHandle): Promise<ExactSource> {
  const { size } = await file.stat();
  return {
    bytes: size,
    async read(offset, into) {
      let filled = 0;
      while (filled < into.length) {
        const { bytesRead } = await file.read(into, filled, into.length - filled, offset + filled);
        if (bytesRead === 0) throw new RangeError('The converted model ended while it was read.');
        filled += bytesRead;
      }
    },
  };
}

/** The committed kernels, built from node/kernels. */
export async function compileKernels(variant: KernelVariant): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(new URL(`../../../../wasm/${variant}.wasm`, import.meta.url)));
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
