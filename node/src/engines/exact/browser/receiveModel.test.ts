import { hash } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { type ExpectedFile, type ReceiveCall, receiveModel } from './receiveModel.ts';

const FILE = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 251);
const EXPECTED: ExpectedFile = { fileHash: hash(FILE), fileBytes: 1000n };

async function* inChunks(file: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size);
}

test.each([1, 63, 64, 65, 999, 1000, 4096])(
  'keeps a file that comes in chunks of %i bytes, in pieces',
  async (size) => {
    const progress: number[] = [];
    const pieces = await receiveModel(inChunks(FILE, size), EXPECTED, {
      pieceBytes: 64,
      onProgress: ({ done, total }) => progress.push(done / total),
    });
    expect(pieces.map(({ length }) => length)).toEqual([...Array<number>(15).fill(64), 40]);
    expect(Buffer.concat(pieces)).toEqual(Buffer.from(FILE));
    expect([progress.length, progress.at(-1)]).toEqual([Math.ceil(1000 / size), 1]);
  },
);

test.each<readonly [string, Uint8Array, ReceiveCall, string, string]>([
  ['of another hash', FILE.with(500, 1), {}, 'MODEL_INVALID', 'The model has another hash than its manifest.'],
  ['that is cut', FILE.subarray(0, 999), {}, 'MODEL_INVALID', 'The model ended before its last byte.'],
  ['that is empty', FILE.subarray(0, 0), {}, 'MODEL_INVALID', 'The model ended before its last byte.'],
  ['that goes on', new Uint8Array(1001), {}, 'MODEL_INVALID', 'The model is longer than its manifest says.'],
  ['that nobody wants any more', FILE, { signal: AbortSignal.abort() }, 'ABORTED', 'Reading the model was stopped.'],
])('refuses a file %s', async (_, file, call, code, message) => {
  await expect(receiveModel(inChunks(file, 100), EXPECTED, call)).rejects.toMatchObject({ code, message });
});

test('stops reading where the manifest ends', async () => {
  let read = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 300;
      yield new Uint8Array(300);
    }
  }
  await expect(receiveModel(endless(), EXPECTED)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  expect(read).toBe(1200);
});
