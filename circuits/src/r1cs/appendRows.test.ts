import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toField } from '../audit/field.ts';
import { type OpenedShape, openShape } from '../audit/openShape.ts';
import { matrixOf } from '../audit/operatorCase.ts';
import { r1csBytes } from '../audit/r1csBytes.ts';
import { CircuitsError } from '../errors.ts';
import { circuitOf, type Shape } from '../shapes/shape.ts';
import { appendRows, openWiresOf, type Weights } from './appendRows.ts';
import { constraintsOf, type R1csFile, readR1cs } from './r1csFile.ts';

const SHAPES: readonly Shape[] = [
  { kind: 'linear', rows: 3, columns: 4, inputBits: 16, shift: 10, outputBits: 16 },
  { kind: 'residual', rows: 3, columns: 4, inputBits: 16, shift: 10 },
  { kind: 'norm', width: 4, epsilon: 4 * 42_950, shift: 36, outputBits: 16 },
  { kind: 'head', vocabulary: 3, columns: 4, inputBits: 16, shift: 10, logitBits: 32 },
];

let folder: string;
const opened: OpenedShape[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-rows-'));
  for (const shape of SHAPES) opened.push(await openShape(shape, folder));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const LARGEST = Number.MAX_SAFE_INTEGER;
const MATRIX = matrixOf(
  [
    [0, -1, LARGEST, 5],
    [-LARGEST, 0, 0, 1],
    [0, 0, 0, 0],
  ],
  [0, -LARGEST, LARGEST],
);

const linear = (): OpenedShape => {
  const [first] = opened;
  if (first === undefined) throw new Error('No shape is compiled.');
  return first;
};

function contentOf({ bytes, sections }: R1csFile, id: number): Uint8Array {
  const { start, length } = sections.get(id) ?? { start: 0, length: 0 };
  return new Uint8Array(bytes.subarray(start, start + length));
}

/** The error of what refuses, with its facts. */
function refusal(of: () => unknown): { code: string; message: string; facts: unknown } {
  try {
    of();
  } catch (error) {
    if (error instanceof CircuitsError) return { code: error.code, message: error.message, facts: error.facts };
    throw error;
  }
  throw new Error('Nothing was refused.');
}

test('Z-10: the shape’s constraints and labels stay as they are, and the file that was read with them', async () => {
  const { file, withRows } = linear();
  const before = new Uint8Array(file.bytes);
  const appended = withRows(MATRIX.weights);
  expect(Buffer.compare(file.bytes, before)).toBe(0);
  const shape = contentOf(file, 2);
  expect(Buffer.compare(contentOf(appended, 2).subarray(0, shape.length), shape)).toBe(0);
  expect(Buffer.compare(contentOf(appended, 3), contentOf(file, 3))).toBe(0);
});

test('Z-10: a file that came as a Buffer and one that came as plain bytes give the same', async () => {
  const { file, circuit } = linear();
  const plain = readR1cs(Uint8Array.from(file.bytes));
  const joined = (from: R1csFile): Buffer => Buffer.concat([...appendRows(from, circuit, MATRIX.weights)]);
  expect(Buffer.compare(joined(plain), joined(readR1cs(Buffer.from(file.bytes))))).toBe(0);
});

test('Z-10: there are more constraints, and what rows connect is private', () => {
  const { file, withRows } = linear();
  const { publicInputs, privateInputs, constraints } = file.header;
  expect(publicInputs).toBe(1 + 4 + 3);
  expect(withRows(MATRIX.weights).header).toEqual({
    ...file.header,
    publicInputs: 1,
    privateInputs: privateInputs + 4 + 3,
    constraints: constraints + 3,
  });
});

test('Z-10: each row is that of the matrix, without zeros', () => {
  const { file, withRows, wire } = linear();
  const rows = [...constraintsOf(withRows(MATRIX.weights))].slice(file.header.constraints);
  const [x0, x1, x2, x3] = [0, 1, 2, 3].map((j) => wire(`x[${j}]`));
  const largest = BigInt(LARGEST);
  expect(rows).toEqual([
    {
      a: [],
      b: [],
      c: [
        [x1, 1n],
        [x2, toField(-largest)],
        [x3, toField(-5n)],
        [wire('acc[0]'), 1n],
      ],
    },
    {
      a: [],
      b: [],
      c: [
        [0, largest],
        [x0, largest],
        [x3, toField(-1n)],
        [wire('acc[1]'), 1n],
      ],
    },
    {
      a: [],
      b: [],
      c: [
        [0, toField(-largest)],
        [wire('acc[2]'), 1n],
      ],
    },
  ]);
});

test.each(SHAPES.map(({ kind }, index) => ({ kind, index })))(
  'Z-10: wires by the header of $kind are those that circom names, its signals before them',
  ({ index }) => {
    const shape = opened[index];
    const open = shape?.circuit.open;
    if (shape === undefined || open === undefined) throw new Error('This shape has no weights.');
    const { circuit, file, wire } = shape;
    const { signals } = circuit;
    const { from, to } = openWiresOf(file, circuit);
    for (let j = 0; j < open.from.length; j++) expect(from + j).toBe(wire(`${open.from.name}[${j}]`));
    for (let i = 0; i < open.to.length; i++) expect(to + i).toBe(wire(`${open.to.name}[${i}]`));
    expect(signals.map(wire)).toEqual(signals.map((_, i) => i + 1));
  },
);

describe('refuses', () => {
  const drain = (weights: Weights): unknown => [...appendRows(linear().file, linear().circuit, weights)];

  test('a matrix of another shape', () => {
    const matrix = matrixOf([[1, 2, 3, 4]]);
    expect(refusal(() => drain(matrix.weights))).toEqual({
      code: 'BAD_INPUT',
      message: 'The matrix has another shape than its circuit.',
      facts: { rows: 1, columns: 4 },
    });
    expect(refusal(() => drain({ ...MATRIX.weights, columns: 3 }))).toMatchObject({ code: 'BAD_INPUT' });
  });

  test.each([0.5, 2 ** 53, -(2 ** 53), Number.NaN, Number.POSITIVE_INFINITY])('the weight or bias %d', (weight) => {
    const said = { code: 'BAD_INPUT', message: 'A weight is an integer below 2^53.' };
    expect(refusal(() => drain({ ...MATRIX.weights, row: () => [weight, 0, 0, 0] }))).toMatchObject(said);
    expect(refusal(() => drain({ ...MATRIX.weights, bias: () => weight }))).toMatchObject(said);
  });

  test('a circuit without weights', () => {
    const circuit = circuitOf({ kind: 'hidden', width: 2, gateFraction: 14, shift: 20 });
    expect(refusal(() => [...appendRows(linear().file, circuit, MATRIX.weights)])).toEqual({
      code: 'BAD_INPUT',
      message: 'This circuit takes no weights.',
      facts: { name: 'hidden-2-gate14-shift20' },
    });
  });

  test('constraints with other public wires', async () => {
    const { circuit } = linear();
    const other = r1csBytes({ wires: 20, publicInputs: 9, constraints: [] });
    expect(refusal(() => [...appendRows(other, circuit, MATRIX.weights)])).toEqual({
      code: 'FILE_INVALID',
      message: 'The constraints have other public wires than the circuit.',
      facts: { name: circuit.name, publicInputs: 9, publicOutputs: 0 },
    });
  });
});
