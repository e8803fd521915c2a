import { exactModelFile } from '../../../node/src/engines/exact/file/exactModelFile.ts';
import { loadStages } from '../../../node/src/engines/exact/stages/loadStages.ts';

/** The exact engine's arithmetic as a source of all logits. */
export interface ExactLogits extends AsyncDisposable {
  readonly variant: 'narrow' | 'wide';
  readonly vocabulary: number;
  /** The logits behind each token. */
  logits(tokens: readonly number[]): readonly Float64Array[];
}

const BATCH = 32;
/** logits have 20 fraction bits. */
const UNIT = 2 ** -20;

/** Converts a model and loads it. The caller disposes it. */
export async function exactLogits(options: {
  readonly modelPath: string;
  readonly cacheFolder: string;
  readonly variant?: 'wide' | undefined;
}): Promise<ExactLogits> {
  const { modelPath, cacheFolder, variant } = options;
  const { path } = await exactModelFile(modelPath, { cacheFolder, variant });
  const sizes = { contextSize: 512, sequences: 1, batch: BATCH, threads: 1 };
  const loaded = await loadStages({ modelPath: path, ...sizes, kernels: 'simd' });
  const last = loaded.stages.at(-1);
  if (last === undefined) throw new RangeError('A model has a stage.');
  const { vocabulary } = loaded.model.layout.shape;
  return {
    variant: loaded.model.variant,
    vocabulary,
    logits(tokens) {
      const all: Float64Array[] = [];
      for (let start = 0; start < tokens.length; start += BATCH) {
        const rows = tokens
          .slice(start, start + BATCH)
          .map((token, i) => ({ sequence: 0, position: start + i, token, wantsLogits: true }));
        let residuals: Int32Array | undefined;
        let pointers: readonly number[] = [];
        for (const { stage } of loaded.stages) ({ residuals, logits: pointers } = stage.run(rows, residuals));
        for (const at of pointers)
          all.push(Float64Array.from(new Int32Array(last.memory.buffer, at, vocabulary), (logit) => logit * UNIT));
      }
      return all;
    },
    [Symbol.asyncDispose]: () => loaded[Symbol.asyncDispose](),
  };
}
