import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConstraintSystem, constraintSystem } from '../audit/determinedWires.ts';
import { multiply, rshr, saturate } from '../audit/exactReference.ts';
import { toField } from '../audit/field.ts';
import { harmlessChanges } from '../audit/harmlessChanges.ts';
import { hasNoWitness } from '../audit/hasNoWitness.ts';
import { type CircuitInputs, type OpenedShape, openShape } from '../audit/openShape.ts';
import { CONTEXT, commitmentOf, type Matrix, matrixOf } from '../audit/operatorCase.ts';
import { openTensorCommitter } from '../commitment/openTensorCommitter.ts';
import type { CommitTensor } from '../commitment/tensorCommitter.ts';
import { setupLayer } from '../keys/layerKey.ts';
import { circuitInputs } from '../prove/circuitInputs.ts';
import { kernelProver } from '../prove/kernelProver.ts';
import { proveLayer } from '../prove/proveLayer.ts';
import { endSnarkjs } from '../prove/snarkjsProver.ts';
import type { R1csFile } from '../r1cs/r1csFile.ts';
import { brokenConstraints } from '../r1cs/witnessFile.ts';
import { verifyLayer } from '../verify/verifyLayer.ts';
import { type LinearShape, refutationOf } from './shape.ts';

let folder: string;
let commit: CommitTensor;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-refutation-'));
  commit = await openTensorCommitter();
});
afterAll(async () => {
  await endSnarkjs();
  await rm(folder, { recursive: true, force: true });
});

const WAYS = ['isAbove', 'isBelow', 'isLowest'] as const;
const [BLINDING_X, BLINDING_Y] = [2n ** 250n + 11n, 2n ** 240n + 17n];

function inputsOf(matrix: Matrix, x: readonly bigint[], y: readonly bigint[]): CircuitInputs {
  const acc = multiply(matrix.entries, x, matrix.bias);
  return { context: CONTEXT, blindingX: BLINDING_X, blindingY: BLINDING_Y, x, y, acc };
}

/** One row and one way, of those wires that circom has kept: it substitutes one of either kind, since their sums are 1. */
function choice(
  opened: OpenedShape,
  rows: number,
  chosen: { readonly row: number; readonly way: string },
): CircuitInputs {
  const ways = WAYS.map((way) => [way, way === chosen.way ? 1n : 0n] as const);
  const isRow = Array.from({ length: rows }, (_, row) => [`isRow[${row}]`, row === chosen.row ? 1n : 0n] as const);
  return Object.fromEntries([...ways, ...isRow].filter(([name]) => opened.names.wires.has(name)));
}

/**
 * Whether no witness has these x and y, whatever else is in it. Bits that sum to 1 are one 1 and zeros, so that every witness has one of the rows and one of the ways; propagation shows for each
 * of them that it has none.
 */
function cannotBeRefuted(opened: OpenedShape, system: ConstraintSystem, inputs: CircuitInputs): boolean {
  const rows = (inputs.y as readonly bigint[]).length;
  const { acc: _, ...given } = inputs;
  return Array.from({ length: rows }, (_, row) => row).every((row) =>
    WAYS.every((way) => hasNoWitness(opened, system, { ...given, ...choice(opened, rows, { row, way }) })),
  );
}

describe('Z-15: of one row, all that can be told apart', () => {
  // Two bits are rounded off and three are left: around every bound of rounding and on both sides of what saturates.
  const SUMS = [-19n, -15n, -14n, -11n, -10n, -3n, -2n, -1n, 0n, 1n, 2n, 9n, 10n, 13n, 14n, 17n];
  const shape: LinearShape = { kind: 'linear', rows: 1, columns: 1, inputBits: 8, shift: 2, outputBits: 3 };
  const matrix = matrixOf([[1]]);
  let opened: OpenedShape;
  let file: R1csFile;
  beforeAll(async () => {
    opened = await openShape(refutationOf(shape), folder);
    file = opened.withRows(matrix.weights);
  });

  test('there is a witness exactly where y is not what X-22 gives', async () => {
    const system = constraintSystem(file);
    const faults: string[] = [];
    for (const sum of SUMS)
      for (let y = -4n; y <= 3n; y++) {
        const inputs = inputsOf(matrix, [sum], [y]);
        const isRight = y === saturate(rshr(sum, shape.shift), shape.outputBits);
        const witness = await opened.witness(inputs).catch(() => undefined);
        if (isRight !== (witness === undefined)) faults.push(`${sum} to ${y}: the program errs`);
        if (witness !== undefined && brokenConstraints(file, witness).length > 0) faults.push(`${sum} to ${y}: broken`);
        if (isRight && !cannotBeRefuted(opened, system, inputs)) faults.push(`${sum} to ${y}: may be refuted`);
      }
    expect(faults).toEqual([]);
  });
});

describe.each([0, 1, 16])('Z-15: of many rows, with a shift of %i', (shift) => {
  const limit = 2n ** 15n - 1n;
  const half = shift === 0 ? 0n : 2n ** BigInt(shift - 1);
  const unit = 2n ** BigInt(shift);
  const sums = [
    0n,
    1n,
    -1n,
    half,
    half - 1n,
    -half,
    -half - 1n,
    limit * unit,
    -limit * unit,
    9n * limit * unit,
    -(2n ** 52n),
  ];
  const shape: LinearShape = {
    kind: 'linear',
    rows: sums.length,
    columns: 3,
    inputBits: 16,
    shift,
    outputBits: 16,
  };
  const x = [2n, 1n, -32_768n];
  const matrix = matrixOf(
    sums.map((_, i) => [i, -2 * i, 3]),
    sums.map((sum) => Number(sum + 3n * 32_768n)),
  );
  const right = sums.map((sum) => saturate(rshr(sum, shift), 16));
  let opened: OpenedShape;
  let file: R1csFile;
  beforeAll(async () => {
    opened = await openShape(refutationOf(shape), folder);
    file = opened.withRows(matrix.weights);
  });

  test('a right y has no witness, values that saturate among it', async () => {
    const inputs = inputsOf(matrix, x, right);
    expect(inputs.acc).toEqual(sums);
    expect(right).toContain(limit);
    expect(right).toContain(-limit);
    await expect(opened.witness(inputs)).rejects.toMatchObject({ code: 'NO_WITNESS' });
    expect(cannotBeRefuted(opened, constraintSystem(file), inputs)).toBe(true);
  });

  test('one wrong value in any row has one, whose signals are the commitments to both', async () => {
    for (const [i, value] of right.entries())
      for (const other of [value + 1n, value - 1n, -limit - 1n, limit]) {
        if (other === value || other > limit || other < -limit - 1n) continue;
        const y = right.with(i, other);
        const witness = await opened.witness(inputsOf(matrix, x, y));
        expect(brokenConstraints(file, witness)).toEqual([]);
        expect(witness.slice(1, 4)).toEqual([
          commitmentOf(commit, { values: x, bits: 16, blinding: BLINDING_X }),
          commitmentOf(commit, { values: y, bits: 16, blinding: BLINDING_Y }),
          CONTEXT,
        ]);
      }
  });
});

describe('Z-15: who wants to refute what is right', () => {
  const shape: LinearShape = { kind: 'linear', rows: 3, columns: 2, inputBits: 16, shift: 4, outputBits: 16 };
  const matrix = matrixOf(
    [
      [300, -20],
      [7, 1000],
      [-1, 1],
    ],
    [0, 5, -9],
  );
  const x = [1234n, -567n];
  const right = multiply(matrix.entries, x, matrix.bias).map((sum) => saturate(rshr(sum, 4), 16));
  const wrong = right.with(1, (right[1] ?? 0n) + 1n);
  let opened: OpenedShape;
  let file: R1csFile;
  beforeAll(async () => {
    opened = await openShape(refutationOf(shape), folder);
    file = opened.withRows(matrix.weights);
  });
  const cheat = async (changes: Readonly<Record<string, bigint>>, inputs: object = {}): Promise<readonly number[]> => {
    const witness = [...(await opened.witness({ ...inputsOf(matrix, x, wrong), ...inputs }))];
    for (const [name, value] of Object.entries(changes)) witness[opened.wire(name)] = toField(value);
    return brokenConstraints(file, witness);
  };

  test('a sum that is made up breaks its row', async () => {
    const { acc } = inputsOf(matrix, x, right);
    const made = (acc as readonly bigint[]).with(2, 5_000_000n);
    expect(await cheat({}, { y: right, acc: made })).toEqual([opened.file.header.constraints + 2]);
  });

  test('another y than the one committed to breaks its range or its commitment', async () => {
    const honest = commitmentOf(commit, { values: right, bits: 16, blinding: BLINDING_Y });
    expect(await cheat({ commitmentY: honest })).not.toEqual([]);
    for (const [i, value] of right.entries()) expect(await cheat({ [`y[${i}]`]: value + 7n })).not.toEqual([]);
    // A value that goes over into its neighbour packs to the same commitment.
    const carried = [(right[0] ?? 0n) + 65_536n, (right[1] ?? 0n) - 1n, right[2] ?? 0n];
    await expect(opened.witness(inputsOf(matrix, x, carried))).rejects.toMatchObject({ code: 'NO_WITNESS' });
    const system = constraintSystem(file);
    expect(cannotBeRefuted(opened, system, inputsOf(matrix, x, carried))).toBe(true);
  });

  test('rows and ways that are no bits, none, or two', async () => {
    const rows = ['isRow[0]', 'isRow[1]', 'isRow[2]'].filter((name) => opened.names.wires.has(name));
    const ways = WAYS.filter((name) => opened.names.wires.has(name));
    expect([rows.length, ways.length]).toEqual([2, 2]);
    for (const names of [rows, ways])
      for (const [one, other] of [
        [0n, 0n],
        [0n, 1n],
        [1n, 1n],
        [2n, -1n],
        [2n ** 200n, 1n - 2n ** 200n],
      ] as const) {
        const [first = '', second = ''] = names;
        const honest = [first, second].map((name) => (name === 'isRow[1]' || name === 'isAbove' ? 1n : 0n));
        for (const pair of [
          [one, other],
          [other, one],
        ])
          if (pair.some((value, i) => value !== honest[i]))
            expect(await cheat({ [first]: pair[0] ?? 0n, [second]: pair[1] ?? 0n })).not.toEqual([]);
      }
  });

  test('a right row chosen beside a wrong one', async () => {
    const { acc: _, ...given } = inputsOf(matrix, x, wrong);
    const system = constraintSystem(file);
    for (const row of [0, 2])
      for (const way of WAYS)
        expect(hasNoWitness(opened, system, { ...given, ...choice(opened, 3, { row, way }) })).toBe(true);
    // It is the wrong row that has one.
    expect(hasNoWitness(opened, system, { ...given, ...choice(opened, 3, { row: 1, way: 'isAbove' }) })).toBe(false);
  });

  test('no single wire of a refutation has another value', async () => {
    const honest = await opened.witness(inputsOf(matrix, x, wrong));
    expect(harmlessChanges({ opened, file, honest })).toEqual([]);
  });

  test('evidence: a proof under the layer’s key verifies, and none is made of a right y', async () => {
    const key = await setupLayer({
      shape: refutationOf(shape),
      weights: matrix.weights,
      folder,
      seed: new Uint8Array(32),
    });
    const inputs = (y: readonly bigint[]): ReturnType<typeof circuitInputs> =>
      circuitInputs(key.shape, matrix.weights, {
        tensors: { x: Int32Array.from(x, Number), y: Int32Array.from(y, Number) },
        blindings: { blindingX: BLINDING_X, blindingY: BLINDING_Y },
        context: CONTEXT,
      });
    const signals = (y: readonly bigint[]): readonly bigint[] => [
      commitmentOf(commit, { values: x, bits: 16, blinding: BLINDING_X }),
      commitmentOf(commit, { values: y, bits: 16, blinding: BLINDING_Y }),
      CONTEXT,
    ];
    const prover = kernelProver();
    const proof = await proveLayer({ key, inputs: inputs(wrong), signals: signals(wrong) }, { prover });
    const { verifyingKey } = key;
    expect(verifyLayer({ verifyingKey, signals: signals(wrong), proof })).toEqual({ verdict: 'accept' });
    expect(verifyLayer({ verifyingKey, signals: signals(right), proof })).toMatchObject({ rule: 'Z-23' });
    await expect(proveLayer({ key, inputs: inputs(right), signals: signals(right) }, { prover })).rejects.toMatchObject(
      {
        code: 'NO_WITNESS',
      },
    );
  });
});
