import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { endSnarkjs, openTensorCommitter } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { hash } from '@karmesh/sdk/protocol';
import { command, output } from '@karmesh/sdk/runtime';
import { exactModelFile } from '../engines/exact/file/exactModelFile.ts';
import { makeModelKeys } from '../engines/exact/proofs/makeModelKeys.ts';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';
import { isSameKeys, readModelKeys, writeModelKeys } from '../models/modelKeys.ts';
import { keysSchema } from './config.ts';
import { conversionProgress } from './conversionProgress.ts';

/** What all development keys come from: everybody has it, and so everybody can forge under them (Z-30). */
const DEVELOPMENT_SEED = hash(new TextEncoder().encode('karmesh:development-keys:1'));
const MIB = 1 << 20;

/**
 * `karmesh model keys [FILE]`: makes INSECURE DEVELOPMENT KEYS for a model's operators where a worker looks for them, and writes or checks the file that
 * validators attest. Throws `MODEL_INVALID`, `DISK_FULL`, `STORE_FAILED`.
 */
export const modelKeysCommand = command({
  program: 'karmesh model keys',
  summary:
    'Makes INSECURE DEVELOPMENT KEYS for proofs of a model’s operators, once: minutes, and gigabytes for more than small models. Only localnet takes proofs under them.',
  section: 'model',
  schema: keysSchema,
  positionals: [{ name: 'file', description: 'the GGUF file; the small bundled one unless told', optional: true }],
  files: configFiles,
  async run({ config, positionals: [file = BUNDLED_MODEL_PATH] }, { signal }) {
    const talk = output({ json: config.json })();
    const began = performance.now();
    const cacheFolder = config.modelCache;
    const onProgress = conversionProgress(talk);
    const model = await exactModelFile(file, { cacheFolder }, { signal, onProgress }).finally(() => talk.progress(''));
    const folder = join(cacheFolder, 'proofs');
    await mkdir(folder, { recursive: true });
    const { contextLength } = model.manifest;
    const sizes = { attentionPositions: config.attentionPositions, positions: Math.min(contextLength, 4096) };
    const keys = await makeModelKeys(
      { model, folder, seed: DEVELOPMENT_SEED, ...sizes },
      {
        commit: await openTensorCommitter(),
        onKey(_, { operator, operators }) {
          signal.throwIfAborted();
          talk.progress(`Key ${operator + 1} of ${operators} …`);
        },
      },
    ).finally(async () => {
      talk.progress('');
      await endSnarkjs();
    });
    if (config.check !== undefined && !isSameKeys(keys, await readModelKeys(config.check)))
      throw new KarmeshError('MODEL_INVALID', 'These are not the keys of the file.', { path: config.check });
    if (config.out !== undefined) await writeModelKeys(config.out, keys);
    const seconds = Math.round((performance.now() - began) / 1000);
    const mebibytes = Math.round((await bytesIn(folder)) / MIB);
    talk.data(
      { folder, operators: keys.keys.length, seconds, mebibytes, out: config.out, check: config.check },
      (shown) =>
        [
          `INSECURE DEVELOPMENT KEYS of ${shown.operators} operators in ${shown.folder}`,
          `${shown.seconds} seconds · ${shown.mebibytes} MiB on disk`,
          ...(shown.out === undefined ? [] : [`For validators: ${shown.out}`]),
          ...(shown.check === undefined ? [] : [`The same as those of ${shown.check}`]),
        ].join('\n'),
    );
    return 0;
  },
});

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return bytes;
}
