import { mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { endSnarkjs, openTensorCommitter } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { hash } from '@karmesh/sdk/protocol';
import { command, type Output, output } from '@karmesh/sdk/runtime';
import type { z } from 'zod';
import { type ExactModelFile, exactModelFile } from '../engines/exact/file/exactModelFile.ts';
import { admitModelKeys } from '../engines/exact/proofs/admitModelKeys.ts';
import { makeModelKeys } from '../engines/exact/proofs/makeModelKeys.ts';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';
import { isSameKeys, type ModelKeys, readModelKeys, writeModelKeys } from '../models/modelKeys.ts';
import { admissionPolicyOf } from './admissionPolicyOf.ts';
import { withCeremonyFaults } from './ceremonyFaults.ts';
import { keysSchema } from './config.ts';
import { conversionProgress } from './conversionProgress.ts';
import { pinnedPowersOf } from './pinnedPowersOf.ts';

/** What all development keys come from: everybody has it, and so everybody can forge under them (Z-30). */
const DEVELOPMENT_SEED = hash(new TextEncoder().encode('karmesh:development-keys:1'));
const MIB = 1 << 20;

type Config = z.output<typeof keysSchema>;

interface KeysCall {
  readonly config: Config;
  readonly model: ExactModelFile;
  /** Where a worker looks for circuits, and for development keys. */
  readonly folder: string;
  readonly talk: Output;
  readonly signal: AbortSignal;
}

/**
 * `karmesh model keys [FILE]`: makes INSECURE DEVELOPMENT KEYS for a model's operators where a worker looks for them, or admits those of ceremonies, and writes or checks the file that
 * validators attest. Throws `MODEL_INVALID`, `CONFIG_INVALID`, `CEREMONY_REFUSED`, `DISK_FULL`, `STORE_FAILED`.
 */
export const modelKeysCommand = command({
  program: 'karmesh model keys',
  summary:
    'Makes the keys file of a model out of the keys of ceremonies, each of which is checked, or INSECURE DEVELOPMENT KEYS, once: minutes, and gigabytes for more than small models. Only localnet takes proofs under those.',
  section: 'model',
  schema: keysSchema,
  positionals: [{ name: 'file', description: 'the GGUF file; the small bundled one unless told', optional: true }],
  files: configFiles,
  async run({ config, positionals: [file = BUNDLED_MODEL_PATH] }, { signal }) {
    const talk = output({ json: config.json })();
    await checkBefore(config);
    const cacheFolder = config.modelCache;
    const onProgress = conversionProgress(talk);
    const model = await exactModelFile(file, { cacheFolder }, { signal, onProgress }).finally(() => talk.progress(''));
    const folder = join(cacheFolder, 'proofs');
    await mkdir(folder, { recursive: true });
    const call = { config, model, folder, talk, signal };
    await (config.provingKeys === undefined
      ? developmentKeys(call)
      : ceremonyKeys({ ...call, provingKeys: config.provingKeys }));
    return 0;
  },
});

/** What would be found amiss only hours later. */
async function checkBefore({ check, out, provingKeys, powers, powersHash, slotHash }: Config): Promise<void> {
  if (provingKeys === undefined && (powers ?? powersHash ?? slotHash) !== undefined)
    throw new KarmeshError('CONFIG_INVALID', 'Only keys of ceremonies have powers of tau and a beacon.', {
      '--proving-keys': 'is missing',
    });
  if (check !== undefined) await readModelKeys(check);
  const folder = out === undefined ? undefined : dirname(resolve(out));
  if (folder !== undefined && !(await isFolder(folder)))
    throw new KarmeshError('CONFIG_INVALID', 'There is no such folder to write to.', { '--out': folder });
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

async function developmentKeys({ config, model, folder, talk, signal }: KeysCall): Promise<void> {
  const began = performance.now();
  const keys = await makeModelKeys(
    { model, folder, seed: DEVELOPMENT_SEED, ...sizesOf(model, config) },
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
  await checkAndWrite(keys, config);
  const seconds = Math.round((performance.now() - began) / 1000);
  const mebibytes = Math.round((await bytesIn(folder)) / MIB);
  talk.data(
    { folder, operators: keys.keys.length, seconds, mebibytes, out: config.out, check: config.check },
    (shown) =>
      [
        `INSECURE DEVELOPMENT KEYS of ${shown.operators} operators in ${shown.folder}`,
        `${shown.seconds} seconds · ${shown.mebibytes} MiB on disk`,
        ...writtenLines(config),
      ].join('\n'),
  );
}

async function ceremonyKeys({
  config,
  model,
  folder,
  talk,
  signal,
  provingKeys,
}: KeysCall & { readonly provingKeys: string }): Promise<void> {
  const powersOfTau = pinnedPowersOf(config);
  const commit = await openTensorCommitter();
  const { keys, passedOver } = await withCeremonyFaults(() =>
    admitModelKeys(
      {
        model,
        provingKeys,
        circuitsFolder: folder,
        powersOfTau,
        policy: admissionPolicyOf(config),
        signal,
        ...sizesOf(model, config),
      },
      {
        commit,
        onLayer: (title, { layer, layers }) => talk.progress(`Key ${layer + 1} of ${layers}, ${title} …`),
      },
    ),
  ).finally(() => talk.progress(''));
  await checkAndWrite(keys, config);
  talk.data(
    { provingKeys, operators: keys.keys.length, passedOver, out: config.out, check: config.check },
    ({ operators }) =>
      [
        `Every one of ${operators} operators has a key of a ceremony in ${provingKeys}.`,
        ...passedOver.map(({ path, rule, fault }) => `passed over: ${path}, ${rule}: ${fault}`),
        ...writtenLines(config),
      ].join('\n'),
  );
}

function sizesOf({ manifest }: ExactModelFile, { attentionPositions }: Config) {
  return { attentionPositions, positions: Math.min(manifest.contextLength, 4096) };
}

async function checkAndWrite(keys: ModelKeys, { check, out }: Config): Promise<void> {
  if (check !== undefined && !isSameKeys(keys, await readModelKeys(check)))
    throw new KarmeshError('MODEL_INVALID', 'These are not the keys of the file.', { path: check });
  if (out !== undefined) await writeModelKeys(out, keys);
}

function writtenLines({ check, out }: Config): readonly string[] {
  return [
    ...(out === undefined ? [] : [`For validators: ${out}`]),
    ...(check === undefined ? [] : [`The same as those of ${check}`]),
  ];
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return bytes;
}
