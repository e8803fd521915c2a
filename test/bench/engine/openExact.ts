import { exactModelFile } from '../../../node/src/engines/exact/file/exactModelFile.ts';
import { loadStages } from '../../../node/src/engines/exact/stages/loadStages.ts';
import type { LoadedStages } from '../../../node/src/engines/exact/stages/openStages.ts';
import { BATCH } from './exactCores.ts';

/** Converts a GGUF file if the folder does not hold it converted, and loads it into this process. The caller disposes it. */
export async function openExact(options: {
  readonly modelPath: string;
  readonly cacheFolder: string;
  readonly contextSize: number;
  readonly threads: number;
}): Promise<LoadedStages> {
  const { cacheFolder, contextSize, threads } = options;
  const { path } = await exactModelFile(options.modelPath, { cacheFolder });
  return loadStages({ modelPath: path, contextSize, sequences: 1, batch: BATCH, threads, kernels: 'simd' });
}
