import { join } from 'node:path';
import type { Domain } from '@karmesh/sdk/protocol';
import { equalBytes, toHex } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { ChallengeProver } from '../engines/challengeProver.ts';
import type { Engine } from '../engines/engine.ts';
import type { ExactEngine } from '../engines/exact/exactEngine.ts';
import { tokenProver } from '../engines/exact/proofs/tokenProver.ts';
import { BUNDLED_KEYS_PATH } from '../models/bundled.ts';
import { readModelKeys } from '../models/modelKeys.ts';
import type { StartConfig } from './config.ts';

/** Proves challenged tokens of the exact engine; undefined for other engines, and for a model without keys. Throws `MODEL_INVALID` for a file that holds none. */
export async function openProver(
  config: Pick<StartConfig, 'modelKeys' | 'modelCache' | 'dataDir' | 'prover'>,
  parts: { readonly engine: Engine; readonly domain: Domain; readonly log: Pick<Logger, 'info' | 'error'> },
): Promise<(ChallengeProver & AsyncDisposable) | undefined> {
  const { engine, domain, log } = parts;
  if (!isExact(engine)) return undefined;
  const keys = await readModelKeys(config.modelKeys ?? BUNDLED_KEYS_PATH);
  const { modelId } = engine.describe();
  if (!equalBytes(keys.modelId, modelId)) {
    log.info({ modelId: toHex(modelId) }, 'No keys are known of this model: nothing of its answers can be proven.');
    return undefined;
  }
  return tokenProver({
    folder: join(config.dataDir, 'challenges'),
    keysFolder: join(config.modelCache, 'proofs'),
    program: config.prover,
  })({ engine, domain, keys, log });
}

function isExact(engine: Engine): engine is ExactEngine {
  return 'traceModel' in engine;
}
