import { KarmeshError } from '@karmesh/sdk/errors';
import type { Engine } from '../engines/engine.ts';
import { exactEngine } from '../engines/exact/exactEngine.ts';
import { llamaEngine } from '../engines/llama/llamaEngine.ts';
import { openaiEngine } from '../engines/openai/openaiEngine.ts';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';
import type { EngineConfig } from './config.ts';
import { readEngineKey } from './readEngineKey.ts';

/** The engine that the settings describe. Throws `CONFIG_INVALID` if they describe none. */
export function openEngine(config: EngineConfig, call: { readonly signal: AbortSignal }): Promise<Engine> {
  switch (config.engine) {
    case 'llama':
      return openLlama(config, call);
    case 'exact':
      return openExact(config, call);
    case 'openai':
      return openServed(config, call);
  }
}

function openExact(config: EngineConfig, call: { readonly signal: AbortSignal }): Promise<Engine> {
  const { model, modelCache, threads, sequences, contextSize } = config;
  return exactEngine(
    {
      modelPath: model ?? BUNDLED_MODEL_PATH,
      cacheFolder: modelCache,
      threads,
      sequences,
      ...(contextSize === undefined ? {} : { contextSize }),
    },
    call,
  );
}

function openLlama(config: EngineConfig, call: { readonly signal: AbortSignal }): Promise<Engine> {
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

async function openServed(config: EngineConfig, call: { readonly signal: AbortSignal }): Promise<Engine> {
  const { model, sequences, contextSize, engineUrl, engineModel, engineKeyFile, engineHardware } = config;
  if (engineUrl === undefined || model === undefined)
    throw new KarmeshError(
      'CONFIG_INVALID',
      'A worker before a server needs the server’s URL, and the model file that the server runs.',
      { missing: engineUrl === undefined ? '--engine-url' : '--model' },
    );
  const key = engineKeyFile === undefined ? undefined : await readEngineKey(engineKeyFile);
  return openaiEngine(
    {
      modelPath: model,
      url: engineUrl,
      sequences,
      ...(engineModel === undefined ? {} : { model: engineModel }),
      ...(key === undefined ? {} : { key }),
      ...(engineHardware === undefined ? {} : { hardware: engineHardware }),
      ...(contextSize === undefined ? {} : { contextSize }),
    },
    call,
  );
}
