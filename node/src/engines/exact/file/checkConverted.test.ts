import { expect, test } from 'vitest';
import { convertInMemory, memorySource } from '../../../fixtures/memoryModel.ts';
import { floats, smallModel } from '../../../fixtures/smallModel.ts';
import { checkConverted } from './checkConverted.ts';
import { type ExactLayout, readExactHeader } from './exactFile.ts';

const { file, converted } = await convertInMemory(smallModel({ family: 'qwen2' }));
const header = readExactHeader(file, file.length);

test('X-40: what a conversion writes passes, and gives its formats', async () => {
  expect(await checkConverted(memorySource(file), header)).toEqual(converted.formats);
});

test('X-11: rows of zeros pass, however they are shifted', async () => {
  const zeros = await convertInMemory(
    smallModel({
      type: 'F32',
      replace: (tensor) => (tensor.name.endsWith('attn_v.weight') ? { ...tensor, data: tensor.data.fill(0) } : tensor),
      add: [floats('rope_freqs.weight', 8, () => 1)],
    }),
  );
  const { layout, variant } = readExactHeader(zeros.file, zeros.file.length);
  expect(await checkConverted(memorySource(zeros.file), { layout, variant })).toEqual(zeros.converted.formats);
});

type Spoil = (view: DataView, layout: ExactLayout) => void;
const layer = ({ layers }: ExactLayout): ExactLayout['layers'][number] => {
  const [first] = layers;
  if (first === undefined) throw new Error('The model has no layers.');
  return first;
};

test.each<readonly [string, Spoil, string]>([
  ['a format', (view, at) => view.setInt32(layer(at).formats.offset, 16, true), 'formats'],
  ['the last format', (view, at) => view.setInt32(at.finalFormat.offset, -1, true), 'formats'],
  ['a norm weight', (view, at) => view.setInt32(layer(at).hiddenNorm.offset + 8, -(2 ** 22), true), 'norm weight 2'],
  ['the last norm', (view, at) => view.setInt32(at.finalNorm.offset, 2 ** 22, true), 'norm weight 0'],
  ['a bias', (view, at) => view.setInt32(layer(at).biases?.key.offset ?? 0, 2 ** 30, true), 'bias 0'],
  [
    'an embedding scale',
    (view, at) => view.setUint16(at.embeddingScales.offset + 2, 0xfc00, true),
    'embedding scale 1',
  ],
  ['a multiplier', (view, at) => view.setInt16(layer(at).up.multipliers.offset + 6, 4096, true), 'multiplier 3'],
  ['the head’s multiplier', (view, at) => view.setInt16(at.head.multipliers.offset, -32768, true), 'multiplier 0'],
  ['a shift that is too large', (view, at) => view.setInt32(layer(at).query.shifts.offset + 4, 40, true), 'shift 1'],
  ['a shift that is too small', (view, at) => view.setInt32(layer(at).query.shifts.offset + 4, -6, true), 'shift 1'],
  ['a shift to the left', (view, at) => view.setInt32(layer(at).down.shifts.offset, 1, true), 'shift 0'],
  ['a row of the head', (view, at) => view.setInt32(at.head.shifts.offset + 8, 12, true), 'shift 2'],
])('X-40: refuses %s that no conversion gives', async (_, spoil, what) => {
  const copy = file.slice();
  spoil(new DataView(copy.buffer), header.layout);
  const refused = await checkConverted(memorySource(copy), header).catch((error: unknown) => error);
  const formats = 'The converted model has formats that no conversion gives.';
  const number = 'The converted model has a number that no conversion gives.';
  expect(refused).toMatchObject(
    what === 'formats'
      ? { code: 'MODEL_INVALID', message: formats }
      : {
          code: 'MODEL_INVALID',
          message: number,
          facts: { what: what.replace(/ \d+$/, ''), index: Number(/\d+$/.exec(what)?.[0]) },
        },
  );
});
