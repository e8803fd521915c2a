import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { missingPython, spawnReference } from './spawnReference.ts';

const reason = await missingPython();
const read = (path: string) => readFile(new URL(path, import.meta.url));
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

describe.skipIf(reason !== undefined)(`the reference in Python${reason ? ` (skipped: ${reason})` : ''}`, () => {
  test('X-40: all of exact.json, every value within the bounds', { timeout: 600_000 }, async () => {
    const vectors = JSON.parse((await read('../vectors/exact.json')).toString());
    expect(await spawnReference('--check-bounds', 'all')).toEqual(vectors);
  });

  test('writes the random model and a converted file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'karmesh-exact-'));
    try {
      const made = join(folder, 'random.gguf');
      expect(await spawnReference('random-model', made)).toEqual({ fileHash: sha256(await readFile(made)) });
      expect(await readFile(made)).toEqual(await read('../models/random-qwen2.gguf'));
      const target = join(folder, 'random.exact');
      const written = await spawnReference('convert', made, target);
      expect(written).toMatchObject({ variant: 'wide', fileHash: sha256(await readFile(target)) });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
