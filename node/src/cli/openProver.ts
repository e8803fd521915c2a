import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { Domain } from '@karmesh/sdk/protocol';
import { equalBytes, toHex } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { ChallengeProver } from '../engines/challengeProver.ts';
import type { Engine } from '../engines/engine.ts';
import type { ExactEngine } from '../engines/exact/exactEngine.ts';
import { findProvingKeys, type ProvingKeys } from '../engines/exact/proofs/provingKeys.ts';
import { tokenProver } from '../engines/exact/proofs/tokenProver.ts';
import { BUNDLED_KEYS_PATH } from '../models/bundled.ts';
import { type ModelKeys, readModelKeys } from '../models/modelKeys.ts';
import type { StartConfig } from './config.ts';

type ProverConfig = Pick<StartConfig, 'modelKeys' | 'provingKeys' | 'modelCache' | 'dataDir' | 'prover'>;

/**
 * Proves challenged tokens of the exact engine; undefined for other engines, for a model without keys, and off localnet for the development keys that come with the bundled one. Throws `MODEL_INVALID` for
 * a file that holds no keys, `CONFIG_INVALID` for a file of another model's keys or of development keys off localnet (Z-36), and if not all keys of a ceremony are there (Z-37).
 */
export async function openProver(
  config: ProverConfig,
  parts: {
    readonly engine: Engine;
    readonly domain: Domain;
    readonly isLocalnet: boolean;
    readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  },
): Promise<(ChallengeProver & AsyncDisposable) | undefined> {
  const { engine, domain, isLocalnet, log } = parts;
  if (!isExact(engine)) return undefined;
  const path = config.modelKeys ?? BUNDLED_KEYS_PATH;
  const keys = await readModelKeys(path);
  const { modelId } = engine.describe();
  if (!equalBytes(keys.modelId, modelId)) {
    if (config.modelKeys !== undefined)
      throw new KarmeshError('CONFIG_INVALID', 'The keys are of another model.', {
        '--model-keys': path,
        wanted: toHex(modelId),
        found: toHex(keys.modelId),
      });
    log.info({ modelId: toHex(modelId) }, 'No keys are known of this model: nothing of its answers can be proven.');
    return undefined;
  }
  if (keys.developmentSeed !== undefined && !isLocalnet) {
    // Z-36
    if (config.modelKeys !== undefined)
      throw new KarmeshError('CONFIG_INVALID', 'INSECURE DEVELOPMENT KEYS are for localnet alone.', {
        '--model-keys': path,
      });
    log.warn({ path }, 'INSECURE DEVELOPMENT KEYS are for localnet alone and were passed over.');
    return undefined;
  }
  return tokenProver({
    folder: join(config.dataDir, 'challenges'),
    keysFolder: join(config.modelCache, 'proofs'),
    program: config.prover,
  })({ engine, domain, keys, provingKeys: await provingKeysOf(keys, config), log });
}

async function provingKeysOf(keys: ModelKeys, { provingKeys: folder }: ProverConfig): Promise<ProvingKeys> {
  const { developmentSeed: seed } = keys;
  if (seed === undefined) {
    if (folder !== undefined) return findProvingKeys(folder, keys);
    throw new KarmeshError('CONFIG_INVALID', 'The model’s keys are of a ceremony: proofs need their .zkey files.', {
      '--proving-keys': 'is required',
    });
  }
  if (folder === undefined) return { kind: 'development', seed };
  throw new KarmeshError('CONFIG_INVALID', 'The model’s keys are development keys, which come from no folder.', {
    '--proving-keys': folder,
  });
}

function isExact(engine: Engine): engine is ExactEngine {
  return 'traceModel' in engine;
}
