import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash, toHex } from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { convertInMemory } from '../../../fixtures/memoryModel.ts';
import { type Running, startProcess } from '../../../fixtures/processes.ts';
import { smallModel } from '../../../fixtures/smallModel.ts';
import { exactModelFile } from './exactModelFile.ts';

const script = fileURLToPath(new URL('../../../fixtures/convertProcess.ts', import.meta.url));
const gguf = smallModel();
const expected = await convertInMemory(gguf);

let folder: string;
let path: string;
let cacheFolder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-exact-'));
  path = join(folder, 'small.gguf');
  cacheFolder = join(folder, 'cache');
  await writeFile(path, gguf);
});
afterEach(() => rm(folder, { recursive: true }));

const name = `${toHex(hash(gguf))}-narrow.exact1`;
const files = async (): Promise<readonly string[]> =>
  (await readdir(cacheFolder)).filter((file) => !file.endsWith('.held')).sort();

test('X-50: a model is converted once, and named by what it was made from', async () => {
  const made = await exactModelFile(path, { cacheFolder });
  expect(made).toEqual({
    path: join(cacheFolder, name),
    manifest: expected.converted.manifest,
    modelId: expected.converted.modelId,
    variant: 'narrow',
    cached: false,
  });
  expect(new Uint8Array(await readFile(made.path))).toEqual(expected.file);
  expect(await files()).toEqual([name, `${name}.sha256`]);
  const before = await stat(made.path);
  expect(await exactModelFile(path, { cacheFolder })).toEqual({ ...made, cached: true });
  expect((await stat(made.path)).mtimeMs).toBe(before.mtimeMs);
});

test('X-02: the wide variant is another file', async () => {
  const narrow = await exactModelFile(path, { cacheFolder });
  const wide = await exactModelFile(path, { cacheFolder, variant: 'wide' });
  expect([wide.variant, wide.cached]).toEqual(['wide', false]);
  expect(toHex(wide.modelId)).not.toBe(toHex(narrow.modelId));
});

describe('a damaged cache is made anew', () => {
  test.each<readonly [string, (made: string) => Promise<void>]>([
    [
      'a flipped bit',
      async (made) => {
        const bytes = await readFile(made);
        bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
        await writeFile(made, bytes);
      },
    ],
    ['a file that was cut', async (made) => writeFile(made, (await readFile(made)).subarray(0, -1))],
    ['an empty file', (made) => writeFile(made, '')],
    ['no file', (made) => rm(made)],
    ['no hash', (made) => rm(`${made}.sha256`)],
    ['a hash that is none', (made) => writeFile(`${made}.sha256`, 'x')],
    ['the hash of something else', (made) => writeFile(`${made}.sha256`, `${'0'.repeat(64)}  ${name}\n`)],
    [
      'another model’s file under its name',
      async (made) => {
        const other = await convertInMemory(smallModel({ seed: 2 }));
        await writeFile(made, other.file);
        await writeFile(`${made}.sha256`, `${toHex(other.converted.manifest.fileHash)}  ${name}\n`);
      },
    ],
    ['what a killed conversion left', async (made) => writeFile(`${made}.tmp`, new Uint8Array(9_999_999))],
  ])('%s', async (what, damage) => {
    const made = await exactModelFile(path, { cacheFolder });
    await damage(made.path);
    const again = await exactModelFile(path, { cacheFolder });
    // A left-over of another time does not touch the file itself.
    expect(again).toEqual({ ...made, cached: what.startsWith('what a killed') });
    expect(new Uint8Array(await readFile(made.path))).toEqual(expected.file);
  });
});

const convertIn = (step = 'none'): Running => startProcess(script, [path, cacheFolder, step]);

test.each(['convert', 'check'])(
  'a process that is killed in the step %s leaves nothing that passes for whole',
  async (step) => {
    await using process = convertIn(step);
    expect(await process.ready).toEqual({ standing: step });
    process.kill('SIGKILL');
    expect((await process.ended).code).toBe('SIGKILL');
    expect(await files()).toEqual([`${name}.lock`, `${name}.tmp`]);
    const made = await exactModelFile(path, { cacheFolder });
    expect(made.cached).toBe(false);
    expect(new Uint8Array(await readFile(made.path))).toEqual(expected.file);
    expect(await files()).toEqual([name, `${name}.sha256`]);
  },
);

test('of two processes that convert one model, the second waits and takes what the first made', async () => {
  await using first = convertIn();
  await using second = convertIn();
  const results = await Promise.all([first.ready, second.ready]);
  expect(new Set(results.map(({ fileHash }) => fileHash))).toEqual(
    new Set([toHex(expected.converted.manifest.fileHash)]),
  );
  expect(results.map(({ cached }) => cached).sort()).toEqual([false, true]);
});

test('who waits for a process that is killed converts the model itself', async () => {
  await using first = convertIn('convert');
  await first.ready;
  const waiting = exactModelFile(path, { cacheFolder });
  first.kill('SIGKILL');
  expect((await waiting).cached).toBe(false);
});

test('waiting for another process ends when it is told to', async () => {
  await using first = convertIn('convert');
  await first.ready;
  const abort = new AbortController();
  const waiting = exactModelFile(path, { cacheFolder }, { signal: abort.signal });
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
});

test.each<readonly [string, (options: { folder: string }) => readonly [string, string], string]>([
  [
    'no file',
    (at) => [join(at.folder, 'none'), join(at.folder, 'cache')],
    'MODEL_INVALID: The model file cannot be opened.',
  ],
  ['a folder', (at) => [at.folder, join(at.folder, 'cache')], 'MODEL_INVALID: The model is not a file.'],
  [
    'a cache that is a file',
    (at) => [join(at.folder, 'small.gguf'), join(at.folder, 'small.gguf')],
    'STORE_FAILED: A file could not be read or written.',
  ],
])('%s is refused in one sentence', async (_, where, sentence) => {
  const [model, cache] = where({ folder });
  const refused = await exactModelFile(model, { cacheFolder: cache }).catch(
    (error) => `${error.code}: ${error.message}`,
  );
  expect(refused).toBe(sentence);
});
