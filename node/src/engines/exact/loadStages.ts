import { open, readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { ExactModel, ExactSource } from './exactModel.ts';
import { openExactModel } from './exactModel.ts';
import { instantiateKernels, type Kernels, type KernelVariant, MEMORY_PAGES } from './kernels.ts';
import { planStages } from './planStages.ts';
import { openStage, type Stage } from './stage.ts';

export interface LoadStagesOptions {
  /** A converted model. */
  readonly modelPath: string;
  readonly contextSize: number;
  readonly sequences: number;
  readonly batch: number;
  readonly threads: number;
  readonly kernels: 'simd' | 'plain';
  /** Where to cut the model besides where memory makes it: the first layers of further stages. */
  readonly cuts?: readonly number[];
}

export interface LoadedStage {
  readonly stage: Stage;
  readonly memory: WebAssembly.Memory;
  readonly kernels: Kernels;
}

export interface LoadedStages extends AsyncDisposable {
  readonly model: ExactModel;
  readonly stages: readonly LoadedStage[];
}

/** Loads a converted model from a file into WebAssembly memory, cut into stages if it is large, with threads that help. Throws `MODEL_INVALID`, `ENGINE_FAILED`. */
export async function loadStages(options: LoadStagesOptions): Promise<LoadedStages> {
  const { contextSize, sequences, batch, threads } = options;
  await using file = await open(options.modelPath, 'r');
  const { size } = await file.stat();
  const source: ExactSource = {
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
  const model = await openExactModel(source);
  const variant: KernelVariant = threads > 1 ? 'threads' : options.kernels;
  const module = await compileKernels(variant);
  await using helpers = new AsyncDisposableStack();
  const planned = planStages(model.layout, { variant: model.variant, contextSize, sequences });
  const cuts = [...new Set([...planned.map(({ from }) => from), ...(options.cuts ?? [])])].sort((a, b) => a - b);
  const stages: LoadedStage[] = [];
  for (const [i, from] of cuts.entries()) {
    const to = cuts[i + 1] ?? model.layout.shape.layers;
    const memory = new WebAssembly.Memory({
      initial: 1,
      maximum: MEMORY_PAGES,
      ...(threads > 1 ? { shared: true } : {}),
    });
    const kernels = await instantiateKernels(module, memory);
    const stage = await openStage({ from, to, contextSize, sequences, batch, threads }, { memory, kernels, model });
    for (let part = 1; part < threads; part++)
      helpers.use(await helper({ module, memory, part, setUp: stage.assembly }));
    helpers.defer(() => kernels.dismiss());
    stages.push({ stage, memory, kernels });
  }
  const parts = helpers.move();
  return { model, stages, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** The committed kernels, built from node/kernels. */
export async function compileKernels(variant: KernelVariant): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(new URL(`../../../wasm/${variant}.wasm`, import.meta.url)));
}

/** A thread that does its part of every job until the kernels are dismissed. */
async function helper(data: {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly part: number;
  readonly setUp: Stage['assembly'];
}): Promise<AsyncDisposable> {
  const thread = new Worker(new URL('./helperThread.ts', import.meta.url), { workerData: data });
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    thread.once('message', () => resolve());
    thread.once('error', reject);
  });
  return {
    [Symbol.asyncDispose]: () => ended,
  };
}
