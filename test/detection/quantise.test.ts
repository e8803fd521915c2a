import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { expect, test } from 'vitest';
import { parseGguf } from '../../node/src/models/gguf.ts';
import { floatToHalf, halfToFloat } from './halfFloat.ts';
import { quantiseQ4_0 } from './quantise.ts';
import { F16_MODEL_PATH, toQ4_0, withChangedWeights } from './variants.ts';

test('a 16-bit float has one value, and every value comes back to its bits', () => {
  for (let bits = 0; bits < 0x7c00; bits++) {
    expect(floatToHalf(halfToFloat(bits))).toBe(bits);
    expect(floatToHalf(halfToFloat(bits | 0x8000))).toBe(bits | 0x8000);
  }
  expect(halfToFloat(0x3c00)).toBe(1);
  expect(floatToHalf(1 + 2 ** -11)).toBe(0x3c00);
  expect(floatToHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
  expect(() => floatToHalf(65520)).toThrow(RangeError);
});

test('Q4_0: the weight of largest magnitude becomes -8, and halves of a byte are 16 weights apart', () => {
  const weights = new Float32Array(32);
  weights[0] = 4;
  weights[1] = -3.5;
  weights[16] = 1;
  const bytes = quantiseQ4_0(weights);
  expect(bytes).toHaveLength(18);
  expect(halfToFloat((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8))).toBe(-0.5);
  expect([...bytes.subarray(2, 5)]).toEqual([0x60, 0x8f, 0x88]);
  expect(quantiseQ4_0(new Float32Array(32)).subarray(0, 3)).toEqual(new Uint8Array([0, 0x80, 0x88]));
});

test('the Q4_0 file keeps the header’s texts and norms and has a quarter of a matrix’s bytes', async () => {
  const original = await readFile(F16_MODEL_PATH);
  const made = toQ4_0(original);
  const [before, after] = [original, made].map((file) => parseGguf(file, file.length));
  expect([...(after?.metadata.keys() ?? [])]).toEqual([...(before?.metadata.keys() ?? [])]);
  expect(after?.metadata.get('general.file_type')?.value).toBe(2);
  expect(after?.tensors.map(({ name, type, elements }) => [name, type, elements])).toEqual(
    before?.tensors.map(({ name, type, elements }) => [name, type === 'F16' ? 'Q4_0' : type, elements]),
  );
  expect(createHash('sha256').update(made).digest('hex')).toMatchInlineSnapshot(
    `"7653552caf372db239ff357a983b747e7ac3274010cac71600ff948132e1509b"`,
  );
});

test('one weight in a hundred is changed, no scale, and the same ones every time', async () => {
  const bundled = await readFile(BUNDLED_MODEL_PATH);
  const change = (level: number) => (level === 127 ? 126 : level + 1);
  const made = withChangedWeights(bundled, { seed: 5, change });
  expect(withChangedWeights(bundled, { seed: 5, change })).toEqual(made);
  const changed = made.filter((byte, i) => byte !== bundled[i]).length;
  expect(changed / 3_276_800).toBeGreaterThan(0.0097);
  expect(changed / 3_276_800).toBeLessThan(0.0103);
  const { tensors } = parseGguf(made, made.length);
  const scales = tensors.flatMap(({ type, offset, bytes }) =>
    type === 'Q8_0' ? Array.from({ length: Number(bytes) / 34 }, (_, i) => Number(offset) + 34 * i) : [],
  );
  expect(scales.every((at) => made[at] === bundled[at] && made[at + 1] === bundled[at + 1])).toBe(true);
});
