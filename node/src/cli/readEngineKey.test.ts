import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEngineKey } from './readEngineKey.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-engine-key-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function refusalOf(path: string): Promise<string> {
  const error: unknown = await readEngineKey(path).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof KarmeshError)) throw new TypeError('It must be refused.');
  expect([error.code, error.facts]).toEqual(['CONFIG_INVALID', { path }]);
  return error.message;
}

test('reads a key of one line', async () => {
  const path = join(folder, 'key');
  await writeFile(path, 'sk-secret\n', { mode: 0o600 });
  expect(await readEngineKey(path)).toBe('sk-secret');
});

test('refuses what is no key, or everybody’s, without a word of its content', async () => {
  const path = join(folder, 'other');
  const sentences: string[] = [await refusalOf(join(folder, 'absent'))];
  for (const content of ['', 'two words', 'two\nlines', 'x'.repeat(5000)]) {
    await writeFile(path, content, { mode: 0o600 });
    sentences.push(await refusalOf(path));
  }
  await writeFile(path, 'sk-secret');
  await chmod(path, 0o644);
  sentences.push(await refusalOf(path));
  expect(sentences).toEqual([
    'The file of the engine’s key cannot be read.',
    'The file of the engine’s key does not hold one line with a key.',
    'The file of the engine’s key does not hold one line with a key.',
    'The file of the engine’s key does not hold one line with a key.',
    'The file of the engine’s key is too large to hold a key.',
    'Other users of this machine can read the engine’s key; `chmod 600` its file.',
  ]);
});
