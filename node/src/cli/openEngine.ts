import type { Engine } from '../engines/engine.ts';
import { llamaEngine } from '../engines/llama/llamaEngine.ts';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';
import type { EngineConfig } from './config.ts';

/** The engine that the settings describe. */
export function openEngine(config: EngineConfig, call: { readonly signal: AbortSignal }): Promise<Engine> {
  const { model, threads, sequences, contextSize, gpu, forceCpuLibrary } = config;
  return llamaEngine(
    {
      modelPath: model ?? BUNDLED_MODEL_PATH,
      threads,
      sequences,
      ...(contextSize === undefined ? {} : { contextSize }),
      ...(gpu === undefined ? {} : { gpu }),
      ...(forceCpuLibrary === undefined ? {} : { forceCpuLibrary }),
    },
    call,
  );
}
