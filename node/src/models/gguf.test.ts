import { describe, expect, test } from 'vitest';
import { type WrittenTensor, writeGguf } from '../fixtures/ggufWriter.ts';
import { parseGguf } from './gguf.ts';
import { ggufNumbers, ggufTexts } from './readGgufArray.ts';

const F32 = 0;
const Q8_0 = 8;

const vector = (name: string, length: number): WrittenTensor => ({
  name,
  ggmlType: F32,
  dimensions: [length],
  data: new Uint8Array(4 * length),
});

const parse = (tensors: readonly WrittenTensor[]): ReturnType<typeof parseGguf> => {
  const file = writeGguf({ metadata: { 'general.name': { text: 'x' } }, tensors });
  return parseGguf(file, file.length);
};

test('a tensor has its sizes, the innermost first', () => {
  const matrix = { name: 'm', ggmlType: Q8_0, dimensions: [64, 3], data: new Uint8Array(6 * 34) };
  const { tensors } = parse([vector('v', 5), matrix]);
  expect(
    tensors.map(({ name, type, dimensions, elements, bytes }) => ({ name, type, dimensions, elements, bytes })),
  ).toEqual([
    { name: 'v', type: 'F32', dimensions: [5n], elements: 5n, bytes: 20n },
    { name: 'm', type: 'Q8_0', dimensions: [64n, 3n], elements: 192n, bytes: 204n },
  ]);
  expect((tensors[1]?.offset ?? 0n) - (tensors[0]?.offset ?? 0n)).toBe(32n);
});

describe('a header that does not add up is refused', () => {
  test.each<readonly [string, readonly WrittenTensor[], string]>([
    ['two of one name', [vector('v', 8), vector('v', 8)], 'The model file has two tensors of one name.'],
    [
      'two in one place',
      [vector('a', 16), { ...vector('b', 8), offset: 32 }],
      'The model file has two tensors that overlap.',
    ],
    [
      'one between alignments',
      [vector('a', 8), { ...vector('b', 8), offset: 36 }],
      'The model file has a tensor that does not begin at its alignment.',
    ],
    [
      'one without elements',
      [{ ...vector('a', 8), dimensions: [8, 0] }],
      'The model file has a tensor of impossible dimensions.',
    ],
    [
      'one beyond all files',
      [{ ...vector('a', 8), dimensions: [2 ** 40, 2 ** 40] }],
      'The model file has a tensor of impossible dimensions.',
    ],
    [
      'one beyond this file',
      [{ ...vector('a', 8), dimensions: [2 ** 30] }],
      'The model file ends before the data of a tensor; it is truncated.',
    ],
    [
      'rows that are not whole blocks',
      [{ name: 'm', ggmlType: Q8_0, dimensions: [16, 2], data: new Uint8Array(34) }],
      'The model file has a tensor whose size does not fit its type.',
    ],
    ['an unknown type', [{ ...vector('a', 8), ggmlType: 99 }], 'The model file has a tensor of an unknown type.'],
    [
      'too many dimensions',
      [{ ...vector('a', 8), dimensions: [1, 1, 1, 1, 8] }],
      'The model file has a tensor of too many dimensions.',
    ],
  ])('%s', (_, tensors, sentence) => {
    expect(() => parse(tensors)).toThrow(expect.objectContaining({ code: 'MODEL_INVALID', message: sentence }));
  });
});

test('arrays of metadata are read when they are asked for', () => {
  const file = writeGguf({
    metadata: { tokens: { texts: ['a', '', 'zwölf'] }, kinds: { i32s: [1, -3] }, one: { u32: 7 } },
    tensors: [],
  });
  const { metadata } = parseGguf(file, file.length);
  expect([...ggufTexts(metadata.get('tokens'))]).toEqual(['a', '', 'zwölf']);
  expect([...ggufNumbers(metadata.get('kinds'))]).toEqual([1, -3]);
  expect(() => [...ggufTexts(metadata.get('kinds'))]).toThrow(
    'The model file has an array of another type than is needed.',
  );
  expect(() => [...ggufNumbers(metadata.get('tokens'))]).toThrow(
    'The model file has an array of another type than is needed.',
  );
  expect(() => [...ggufTexts(metadata.get('one'))]).toThrow('The model file has no array where one is needed.');
  expect(() => [...ggufTexts(metadata.get('none'))]).toThrow('The model file has no array where one is needed.');
});
