import { type ExactModel, type ExactSource, openExactModel } from '../file/exactModel.ts';
import { instantiateKernels, type Kernels, MEMORY_PAGES } from './kernels.ts';
import { planStages } from './planStages.ts';
import { type Assembly, openStage, type Stage } from './stage.ts';

export interface OpenStagesOptions {
  readonly contextSize: number;
  readonly sequences: number;
  readonly batch: number;
  /** Threads of arithmetic, the caller's included; more than one need kernels for shared memory. */
  readonly threads: number;
  /** the layers to load, `to` excluded; all unless told. */
  readonly part?: { readonly from: number; readonly to: number };
  /** Where to cut the model besides where memory makes it: the first layers of further stages. */
  readonly cuts?: readonly number[];
}

/** What a helping thread is started with. */
export interface HelperSettings {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly part: number;
  readonly setUp: Assembly;
}

export interface OpenStagesParts {
  /** A converted model. */
  readonly source: ExactSource;
  readonly module: WebAssembly.Module;
  /** Starts a thread that runs `Kernels.help`, and resolves once it does. Disposing waits for its end. */
  readonly startHelper: (settings: HelperSettings) => Promise<AsyncDisposable>;
}

export interface LoadedStage {
  readonly stage: Stage;
  readonly memory: WebAssembly.Memory;
  readonly kernels: Kernels;
}

export interface LoadedStages extends AsyncDisposable {
  readonly model: ExactModel;
  /** In order. */
  readonly stages: readonly LoadedStage[];
}

/**
 * Loads a converted model, or a part of it, into WebAssembly memory, cut into stages if it is large, with threads that help. Disposing ends the threads.
 * Throws `MODEL_INVALID`, `ENGINE_FAILED`, `BAD_ARGUMENT` and what the parts throw.
 */
export async function openStages(options: OpenStagesOptions, parts: OpenStagesParts): Promise<LoadedStages> {
  const { contextSize, sequences, batch, threads } = options;
  const { module, startHelper } = parts;
  const model = await openExactModel(parts.source);
  const stages: LoadedStage[] = [];
  const helped: Kernels[] = [];
  const helpers: AsyncDisposable[] = [];
  // Spelled out, since not all that run this know `using`: Node 22 and some browsers do not.
  const end = async (): Promise<void> => {
    for (const kernels of helped) kernels.dismiss();
    await Promise.all(helpers.map((helper) => helper[Symbol.asyncDispose]()));
  };
  try {
    for (const { from, to } of cutLayers(model, options)) {
      const memory = new WebAssembly.Memory({
        initial: 1,
        maximum: MEMORY_PAGES,
        ...(threads > 1 ? { shared: true } : {}),
      });
      const kernels = await instantiateKernels(module, memory);
      const stage = await openStage({ from, to, contextSize, sequences, batch, threads }, { memory, kernels, model });
      if (threads > 1) helped.push(kernels);
      for (let part = 1; part < threads; part++)
        helpers.push(await startHelper({ module, memory, part, setUp: stage.assembly }));
      stages.push({ stage, memory, kernels });
    }
  } catch (error) {
    await end();
    throw error;
  }
  return { model, stages, [Symbol.asyncDispose]: end };
}

/** The layers of each stage: cut where memory makes it and where the caller wants it. */
export function cutLayers(
  model: Pick<ExactModel, 'layout' | 'variant'>,
  { contextSize, sequences, part, cuts = [] }: Pick<OpenStagesOptions, 'contextSize' | 'sequences' | 'part' | 'cuts'>,
): readonly { readonly from: number; readonly to: number }[] {
  const { from, to } = part ?? { from: 0, to: model.layout.shape.layers };
  const planned = planStages(model.layout, { variant: model.variant, contextSize, sequences });
  const inside = [...planned.map((stage) => stage.from), ...cuts].filter((cut) => cut > from && cut < to);
  const starts = [from, ...[...new Set(inside)].sort((a, b) => a - b)];
  return starts.map((start, i) => ({ from: start, to: starts[i + 1] ?? to }));
}
