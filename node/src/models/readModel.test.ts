import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUNDLED_MODEL_PATH } from './bundled.ts';
import { parseGguf } from './gguf.ts';
import { readModel } from './readModel.ts';

test('F-12: the bundled model has one id everywhere', async () => {
  const model = await readModel(BUNDLED_MODEL_PATH);
  expect(toHex(model.manifest.fileHash)).toBe('3e9e44a14b93e7a497539ff505488991c9fa63e60cc6ba10a0428ca19e84ef29');
  expect(toHex(model.modelId)).toBe('5f81f18f5a52f7e8e81895fec0d8db44d44faca47e7170874f353df0ac9d2797');
  expect(model.longestTokenBytes).toBe(12);
  expect(model.weightTypes).toEqual(['F32', 'Q8_0']);
  expect(model.template?.slice(0, 21)).toBe('{% for m in messages ');
});

describe('F-12: a file that is no whole model is refused in one sentence', () => {
  let folder: string;
  let whole: Uint8Array<ArrayBuffer>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'karmesh-gguf-'));
    whole = new Uint8Array(await readFile(BUNDLED_MODEL_PATH));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const patched = (change: (view: DataView<ArrayBuffer>) => void): Uint8Array => {
    const copy = whole.slice();
    change(new DataView(copy.buffer));
    return copy;
  };
  const refusal = async (bytes: Uint8Array): Promise<string> => {
    const path = join(folder, 'model.gguf');
    await writeFile(path, bytes);
    return readModel(path).then(
      () => 'accepted',
      (error: unknown) => `${(error as { code?: string }).code}: ${(error as Error).message}`,
    );
  };

  test.each([
    ['empty', () => whole.slice(0, 0), 'The model file is shorter than the header of a GGUF file.'],
    ['cut in its header', () => whole.slice(0, 5000), 'The model file ends inside of its header; it is truncated.'],
    [
      'cut in its weights',
      () => whole.slice(0, -1),
      'The model file ends before the data of a tensor; it is truncated.',
    ],
    [
      'of another format',
      () => patched((view) => view.setUint32(0, 1)),
      'The model file does not begin as a GGUF file does.',
    ],
    [
      'of another version',
      () => patched((view) => view.setUint32(4, 9, true)),
      'The model file has an unknown GGUF version.',
    ],
    [
      'absurd in its tensor count',
      () => patched((view) => view.setBigUint64(8, 2n ** 60n, true)),
      'The model file claims absurdly many tensors or metadata.',
    ],
    [
      'absurd in a length',
      () => patched((view) => view.setBigUint64(24, 2n ** 63n, true)),
      'The model file has a text that is too long.',
    ],
  ])('%s', async (_, bytes, sentence) => {
    expect(await refusal(bytes())).toBe(`MODEL_INVALID: ${sentence}`);
  });

  test('any flipped byte of the header is read or refused, never a crash or a long wait', () => {
    let state = 7;
    for (let i = 0; i < 400; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const copy = whole.slice(0, 60_000);
      copy[state % 40_000] = (state >>> 24) & 0xff;
      try {
        parseGguf(copy, whole.length);
      } catch (error) {
        expect(error).toMatchObject({ code: 'MODEL_INVALID' });
      }
    }
  });

  test('missing', async () => {
    await expect(readModel(join(folder, 'none.gguf'))).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: 'The model file cannot be opened.',
    });
  });
});
