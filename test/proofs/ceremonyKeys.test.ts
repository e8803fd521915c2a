import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { endSnarkjs } from '@karmesh/circuits';
import { BUNDLED_KEYS_PATH, type ModelKeys, modelKeyTree, readModelKeys, writeModelKeys } from '@karmesh/node/models';
import { type Domain, hash } from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { smallCeremony, smallConstraints, smallPowers } from '../../circuits/src/fixtures/smallCeremony.ts';
import { developmentKey } from '../../circuits/src/keys/developmentKey.ts';
import { readKeyFiles } from '../../circuits/src/keys/keyFiles.ts';
import { openProver } from '../../node/src/cli/openProver.ts';
import { type AdmittedLayers, admitLayers, readCeremonyKeys } from '../../node/src/engines/exact/proofs/admitLayers.ts';
import { openChallenges } from '../../validator/src/cli/openChallenges.ts';

// Keys of small ceremonies of their own stand for those of a model's operators: which circuit a key is of matters to its constraints alone.
// node/src/engines/exact/proofs/ceremonyKeys.long.test.ts walks the whole way with a model.

const WEIGHTS = [3n, 4n] as const;
const named = (name: string) => hash(new TextEncoder().encode(name));
const domain: Domain = named('the cluster');
let work: string;
let powersOfTau: Awaited<ReturnType<typeof smallPowers>>;
let made: readonly Awaited<ReturnType<typeof smallCeremony>>[];
let development: string;
let bundled: ModelKeys;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'karmesh-ceremony-keys-'));
  powersOfTau = await smallPowers(work, 'powers');
  made = [await ceremony('three', WEIGHTS[0]), await ceremony('four', WEIGHTS[1])];
  development = join(work, 'development');
  await developmentKey({ constraints: [smallConstraints(3n)], seed: new Uint8Array(32), path: development });
  bundled = await readModelKeys(BUNDLED_KEYS_PATH);
});
afterAll(async () => {
  await endSnarkjs();
  await rm(work, { recursive: true });
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(work, 'keys-'));
});

const ceremony = (name: string, weight: bigint, names = ['a worker', 'a validator']) =>
  smallCeremony(work, { name, powersOfTau, weight, names });

const put = async (files: Readonly<Record<string, string | undefined>>): Promise<void> => {
  for (const [name, from = ''] of Object.entries(files)) await copyFile(from, join(folder, name));
};
/** What was said, without the folder's name. */
const plain = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value).replaceAll(`${folder}/`, '')) as Value;

/** Two layers, of which the second serves two operators. */
const layers = WEIGHTS.map((weight, i) => ({
  operators: [[0], [1, 2]][i] ?? [],
  title: `weight ${weight}`,
  contextIndex: 0,
  build: async () => ({ pieces: () => [smallConstraints(weight)] }),
}));

const admit = async (contributionHashes: readonly Uint8Array[] = []): Promise<AdmittedLayers> =>
  admitLayers(layers, {
    files: await readCeremonyKeys(folder),
    powersOfTau,
    policy: { allowsDevelopmentKeys: false, contributions: 2, contributionHashes },
  });
/** The error's sentence and facts. */
const refusal = async (contributionHashes: readonly Uint8Array[] = []): Promise<unknown> =>
  admit(contributionHashes).then(
    () => 'taken',
    ({ code, message, facts }) => plain({ code, message, facts }),
  );

test('Z-35: a folder with a key of every layer gives those of all operators, whatever files are called', async () => {
  await put({ 'b.zkey': made[0]?.final, 'a.zkey': made[1]?.final, 'copy.zkey': made[1]?.final });
  const [a, b] = await readKeyFiles(folder);
  const { keys, passedOver } = await admit(made.flatMap(({ hashes }) => hashes));
  expect(keys.map(({ verifyingKey }) => verifyingKey)).toEqual([b?.verifyingKey, a?.verifyingKey, a?.verifyingKey]);
  expect(keys.every(({ keyId, verifyingKey }) => Buffer.from(keyId).equals(hash(verifyingKey)))).toBe(true);
  expect(passedOver).toEqual([]);
});

test('Z-35: without a key of every layer there is none, and it says which are missing, refused and of nothing here', async () => {
  const alone = await ceremony('alone', WEIGHTS[0], ['a worker']);
  const other = await ceremony('other', 5n);
  await put({ 'alone.zkey': alone.final, 'other.zkey': other.final, 'development.zkey': development });
  expect(await refusal()).toEqual({
    code: 'CEREMONY_REFUSED',
    message: '2 of 2 keys of the model are not there.',
    facts: {
      'operator 0 (weight 3)': 'alone.zkey is refused by Z-34: it has 1 contributions where 2 are asked for',
      'operator 1, 2 (weight 4)': 'no key has begun with its constraints and these powers of tau',
      'development.zkey': 'Z-32: it is an INSECURE DEVELOPMENT KEY',
      'other.zkey': 'Z-33: it began with no operator of this model, or with other powers of tau',
    },
  });
  // They do not matter beside keys that are taken.
  await put({ 'three.zkey': made[0]?.final, 'four.zkey': made[1]?.final });
  expect(plain((await admit()).passedOver)).toEqual([
    { path: 'alone.zkey', rule: 'Z-34', fault: 'it has 1 contributions where 2 are asked for' },
    { path: 'development.zkey', rule: 'Z-32', fault: 'it is an INSECURE DEVELOPMENT KEY' },
    {
      path: 'other.zkey',
      rule: 'Z-33',
      fault: 'it began with no operator of this model, or with other powers of tau',
    },
  ]);
});

test('Z-32: a folder of development keys alone is refused at once', async () => {
  await put({ 'development.zkey': development });
  expect(await refusal()).toMatchObject({
    message: 'The folder has no key of a ceremony.',
    facts: { 'development.zkey': 'Z-32: it is an INSECURE DEVELOPMENT KEY' },
  });
});

test('Z-34: a contribution that was published and is in no key', async () => {
  await put({ 'three.zkey': made[0]?.final, 'four.zkey': made[1]?.final });
  const published = [...(made[0]?.hashes ?? []), new Uint8Array(64).fill(7)];
  expect(await refusal(published)).toEqual({
    code: 'CEREMONY_REFUSED',
    message: 'Contributions that were published are in none of the keys.',
    facts: { rule: 'Z-34', missing: '07'.repeat(64) },
  });
});

/** A keys file of the bundled model whose operators have the two keys in turns. */
async function keysFile(name: string, change: Partial<ModelKeys> = {}): Promise<string> {
  const files = await Promise.all(made.map(async ({ final }) => verifyingKeyOf(final)));
  const keys = bundled.keys.map(({ contextIndex }, i) => {
    const verifyingKey = files[i % 2] ?? new Uint8Array();
    return { contextIndex, verifyingKey, keyId: hash(verifyingKey) };
  });
  const facts = { ...bundled.facts, keys: 'ceremony' as const };
  const path = join(folder, name);
  await writeModelKeys(path, { ...bundled, facts, developmentSeed: undefined, keys, ...change });
  return path;
}

async function verifyingKeyOf(zkey: string): Promise<Uint8Array> {
  const own = await mkdtemp(join(work, 'one-'));
  await copyFile(zkey, join(own, 'key.zkey'));
  const [file] = await readKeyFiles(own);
  return file?.verifyingKey ?? new Uint8Array();
}

/** A worker's start, as far as proofs go: what it comes to, or the error. */
async function open(
  config: { readonly modelKeys?: string; readonly provingKeys?: string },
  isLocalnet = false,
): Promise<unknown> {
  const settings = {
    modelKeys: undefined,
    provingKeys: undefined,
    prover: undefined,
    modelCache: folder,
    dataDir: folder,
    ...config,
  };
  const engine = { describe: () => ({ modelId: bundled.modelId }), traceModel: {} } as never;
  const log = logger({ name: 'test', level: 'silent' })();
  return openProver(settings, { engine, domain, isLocalnet, log }).then(
    async (prover) => {
      await prover?.[Symbol.asyncDispose]();
      return prover === undefined ? 'proves nothing' : 'proves';
    },
    ({ code, message, facts }) => plain({ code, message, facts }),
  );
}

test('Z-37: a worker starts with the keys that the model’s keys file names, and not without one of them', async () => {
  const modelKeys = await keysFile('model.keys.json');
  const zkeys = join(folder, 'zkeys');
  await mkdir(zkeys);
  expect(await open({ modelKeys })).toEqual({
    code: 'CONFIG_INVALID',
    message: 'The model’s keys are of a ceremony: proofs need their .zkey files.',
    facts: { '--proving-keys': 'is required' },
  });
  await put({ 'zkeys/swapped.zkey': made[0]?.final });
  expect(await open({ modelKeys, provingKeys: zkeys })).toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'The folder lacks keys that the model’s keys file names.',
    facts: { '--proving-keys': 'zkeys', missing: expect.stringMatching(/^1 \(q of layer 0\), 3 \(v of layer 0\), .+/) },
  });
  // Another ceremony of the same layer is another key, and a development key is none.
  await put({ 'zkeys/other.zkey': made[1]?.last, 'zkeys/development.zkey': development });
  expect(await open({ modelKeys, provingKeys: zkeys })).toMatchObject({
    facts: { insecure: 'zkeys/development.zkey', others: 'zkeys/other.zkey' },
  });
  await put({ 'zkeys/1.zkey': made[1]?.final });
  expect(await open({ modelKeys, provingKeys: zkeys })).toBe('proves');
  await put({ 'zkeys/words.zkey': modelKeys });
  expect(await open({ modelKeys, provingKeys: zkeys })).toEqual({
    code: 'CONFIG_INVALID',
    message: 'A file of the folder is no key.',
    facts: { '--proving-keys': 'zkeys', path: 'zkeys/words.zkey', fault: 'it begins with other bytes' },
  });
  expect(await open({ modelKeys, provingKeys: join(folder, 'none') })).toMatchObject({
    message: 'The folder with the keys is not there.',
  });
});

test('Z-37: a development key does not pass for one of a ceremony under whatever keys file', async () => {
  const verifyingKey = await verifyingKeyOf(development);
  const keys = bundled.keys.map(({ contextIndex }) => ({ contextIndex, verifyingKey, keyId: hash(verifyingKey) }));
  const modelKeys = await keysFile('model.keys.json', { keys });
  await put({ 'development.zkey': development });
  expect(await open({ modelKeys, provingKeys: folder })).toMatchObject({
    message: 'The folder lacks keys that the model’s keys file names.',
    facts: { insecure: 'development.zkey' },
  });
});

test('Z-36: development keys prove on localnet alone, and come from no folder', async () => {
  expect(await open({}, true)).toBe('proves');
  expect(await open({})).toBe('proves nothing');
  expect(await open({ modelKeys: BUNDLED_KEYS_PATH })).toEqual({
    code: 'CONFIG_INVALID',
    message: 'INSECURE DEVELOPMENT KEYS are for localnet alone.',
    facts: { '--model-keys': BUNDLED_KEYS_PATH },
  });
  expect(await open({ provingKeys: folder }, true)).toMatchObject({
    message: 'The model’s keys are development keys, which come from no folder.',
  });
});

test('Z-36: a keys file says twice where its keys come from, and is refused if it contradicts itself', async () => {
  const invalid = { code: 'MODEL_INVALID' };
  const { facts, developmentSeed } = bundled;
  // The label is taken out of a file of development keys.
  await expect(readModelKeys(await keysFile('relabelled.json', { facts }))).rejects.toMatchObject(invalid);
  await expect(readModelKeys(await keysFile('labelled.json', { developmentSeed }))).rejects.toMatchObject(invalid);
  expect(await readModelKeys(await keysFile('whole.json'))).toMatchObject({ developmentSeed: undefined });
});

/** A validator with these files before a chain that has admitted what it is asked for. */
async function validator(keyFiles: readonly string[], isLocalnet = false) {
  const asked: unknown[] = [];
  const client = {
    addresses: {
      modelKeys: ({ keysRoot }: { readonly keysRoot: Uint8Array }) => keysRoot,
      keyAttestation: () => new Uint8Array(32),
      config: new Uint8Array(32),
      epoch: () => new Uint8Array(32),
    },
    modelKeys: async ({ keysRoot }: { readonly keysRoot: Uint8Array }) => {
      asked.push(Buffer.from(keysRoot).toString('hex'));
      return { admittedEpoch: 1n, address: keysRoot };
    },
  } as never;
  const stack = new AsyncDisposableStack();
  const challenges = await openChallenges(
    { keyFiles, folder: join(folder, 'recordings'), maxRecords: 0, isLocalnet },
    {
      stack,
      client,
      view: { config: () => ({ domain }) } as never,
      me: named('validator') as never,
      identity: named('identity'),
      offchain: { proofDeadlineSlots: 100n } as never,
      replayer: { prompt: async () => [] },
      sleep: (ms, options) => pause(ms, undefined, options).catch(() => undefined),
      log: logger({ name: 'test', level: 'silent' })(),
    },
  );
  return { challenges, asked, stack };
}

test('Z-36: a validator off localnet judges proofs under keys of a ceremony, and passes development keys over', async () => {
  expect((await validator([BUNDLED_KEYS_PATH])).challenges).toBeUndefined();
  const path = await keysFile('model.keys.json');
  const { challenges, asked, stack } = await validator([BUNDLED_KEYS_PATH, path]);
  await using _ = stack;
  expect(challenges?.judge.isDue(bundled.modelId)).toBe(false);
  await challenges?.registry.look(new AbortController());
  expect(challenges?.judge.isDue(bundled.modelId)).toBe(true);
  const { root } = modelKeyTree(domain, await readModelKeys(path));
  expect(asked).toEqual([Buffer.from(root.hash).toString('hex')]);
});
