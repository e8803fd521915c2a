import { hash } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { decodeStageFrame, type ExpectedFrame, encodeStageFrame, type StageFrame } from './stageFrames.ts';

const modelId = hash(new TextEncoder().encode('model'));
const FRAME: StageFrame = {
  modelId,
  layer: 3,
  position: 70_000,
  count: 2,
  width: 3,
  residuals: Int32Array.of(0, 1, -1, 2 ** 31 - 1, -(2 ** 31) + 1, 65_536),
};
const EXPECTED: ExpectedFrame = { modelId, layer: 3, position: 70_000, width: 3, most: 2 };

const bytes = (change: (view: DataView) => void = () => undefined): Uint8Array => {
  const encoded = encodeStageFrame(FRAME);
  change(new DataView(encoded.buffer));
  return encoded;
};

test('X-60: a frame is its fields and values, little-endian', () => {
  const hex = Buffer.from(bytes()).toString('hex');
  expect([hex.slice(0, 16), hex.slice(16, 80), hex.slice(80, 112), hex.slice(112)]).toEqual([
    Buffer.from('KSTAGE\0\0').toString('hex'),
    Buffer.from(modelId).toString('hex'),
    '03000000701101000200000003000000',
    '0000000001000000ffffffffffffff7f0100008000000100',
  ]);
});

test('X-60: a frame reads back as it was written, wherever its bytes lie', () => {
  const shifted = new Uint8Array(bytes().length + 3).subarray(3);
  shifted.set(bytes());
  expect([decodeStageFrame(bytes(), EXPECTED), decodeStageFrame(shifted, EXPECTED)]).toEqual([FRAME, FRAME]);
});

test('X-60: a frame without all its values is not written', () => {
  expect(() => encodeStageFrame({ ...FRAME, count: 3 })).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
});

test.each<readonly [string, Uint8Array, Partial<ExpectedFrame>, string, string]>([
  ['nothing', new Uint8Array(0), {}, 'CODEC', 'A message between stages does not begin as one.'],
  ['a header that is cut', bytes().subarray(0, 55), {}, 'CODEC', 'A message between stages does not begin as one.'],
  [
    'another magic',
    bytes((view) => view.setUint8(7, 1)),
    {},
    'CODEC',
    'A message between stages does not begin as one.',
  ],
  [
    'another model',
    bytes(),
    { modelId: hash(modelId) },
    'PROTOCOL_VIOLATION',
    'A stage was given the activations of another model.',
  ],
  ['another width', bytes(), { width: 6 }, 'PROTOCOL_VIOLATION', 'A stage was given activations of another width.'],
  ['another layer', bytes(), { layer: 2 }, 'PROTOCOL_VIOLATION', 'A stage was given the input of another layer.'],
  [
    'a position again',
    bytes(),
    { position: 70_001 },
    'PROTOCOL_VIOLATION',
    'A stage was given positions out of order.',
  ],
  ['a gap', bytes(), { position: 69_999 }, 'PROTOCOL_VIOLATION', 'A stage was given positions out of order.'],
  [
    'no position',
    bytes((view) => view.setUint32(48, 0, true)).subarray(0, 56),
    {},
    'PROTOCOL_VIOLATION',
    'A stage was given no position or more than it takes.',
  ],
  [
    'a count that would be 48 GiB',
    bytes((view) => view.setUint32(48, 0xffffffff, true)),
    {},
    'PROTOCOL_VIOLATION',
    'A stage was given no position or more than it takes.',
  ],
  [
    'a value too few',
    bytes().subarray(0, 76),
    {},
    'CODEC',
    'A message between stages has another length than its fields make it.',
  ],
  [
    'a byte too many',
    new Uint8Array([...bytes(), 0]),
    {},
    'CODEC',
    'A message between stages has another length than its fields make it.',
  ],
  [
    'a value that sat_32 never gives',
    bytes((view) => view.setInt32(60, -(2 ** 31), true)),
    {},
    'PROTOCOL_VIOLATION',
    'A stage was given an activation that no stage gives.',
  ],
])('X-60: refuses %s', (_, given, expected, code, message) => {
  expect(() => decodeStageFrame(given, { ...EXPECTED, ...expected })).toThrow(
    expect.objectContaining({ code, message }),
  );
});
