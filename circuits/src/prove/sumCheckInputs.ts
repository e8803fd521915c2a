import { bn254 } from '@noble/curves/bn254.js';
import type { CircuitSignals } from 'snarkjs';
import { elementBytes, elementOf } from '../commitment/elements.ts';
import type { TensorCommitter } from '../commitment/tensorCommitter.ts';
import { CircuitsError } from '../errors.ts';
import { roundsOf, type SumCheckShape } from '../shapes/shape.ts';
import { combineRows } from '../sumCheck/combineRows.ts';
import type { DigestedMatrix } from '../sumCheck/digestMatrix.ts';
import { powersOf } from '../sumCheck/evaluateMatrix.ts';
import {
  CHALLENGE_TAG,
  hashItems,
  RHO_TAG,
  type SumCheckOpening,
  type SumCheckStatement,
  sumCheckSignals,
} from '../sumCheck/sumCheckStatement.ts';
import { matrixSums } from './matrixSums.ts';

const { Fr } = bn254.fields;

/** What a linear operator of a run reads, and what hides it. */
export interface SumCheckValues {
  /** `columns` integers of `inputBits` bits. */
  readonly x: Int32Array;
  /** Below the field's order. That of the point is of one proof alone, and nobody else can guess it (Z-76): it is drawn here unless told. */
  readonly blindings: {
    readonly blindingX: bigint;
    readonly blindingY: bigint;
    readonly blindingPoint?: bigint;
  };
  /** What the proof is for, below the field's order. */
  readonly context: bigint;
}

export interface SumCheckInputs {
  /** Of the circuit. */
  readonly inputs: CircuitSignals;
  /** What the proof will say. */
  readonly statement: SumCheckStatement;
  /** The same as public signals, as `proveLayer` takes them. */
  readonly signals: readonly bigint[];
}

/**
 * The prover of a sum-check: all inputs of the circuit, and what travels with its proof. Throws `BAD_INPUT` if x or a result does not fit in its bits.
 * Source: Thaler, "Proofs, Arguments, and Zero-Knowledge", sections 4.1 and 4.4, with challenges by Poseidon (Z-72, Z-73).
 */
export function sumCheckInputs(
  matrix: DigestedMatrix,
  { x, blindings, context }: SumCheckValues,
  { commit }: { readonly commit: TensorCommitter },
): SumCheckInputs {
  const { shape, weights, digest } = matrix;
  const { blindingX, blindingY, blindingPoint = randomElement() } = blindings;
  const acc = matrixSums(weights, Array.from(x, BigInt));
  const rounded = acc.map((sum) => (sum + half(shape)) >> BigInt(shape.shift));
  const limit = 1n << BigInt(shape.outputBits - 1);
  if (rounded.some((value) => value <= -limit || value >= limit))
    throw new CircuitsError('BAD_INPUT', 'A result saturates, which the circuit does not take.', {
      outputBits: shape.outputBits,
    });
  const y = Int32Array.from(rounded, Number);
  const commitment = (values: Int32Array, bits: number, blinding: bigint): bigint =>
    elementOf(commit({ values, bits, blinding: elementBytes(blinding) }));
  const commitmentX = commitment(x, shape.inputBits, blindingX);
  const commitmentY = commitment(y, shape.outputBits, blindingY);
  // Z-72
  const rho = hashItems(commit, [
    RHO_TAG,
    blindingPoint,
    context,
    digest,
    commitmentX,
    commitmentY,
    ...packSums(acc, shape),
  ]);
  const row = combineRows(weights, powersOf(rho, shape.rows));
  const { constant, square, r, weightsAtPoint } = sumCheck({ row, x, rounds: roundsOf(shape) }, (message, last) =>
    hashItems(commit, [CHALLENGE_TAG, blindingPoint, last ?? rho, ...message]),
  );
  const opening: SumCheckOpening = { point: { rho, r }, weightsAtPoint };
  const statement = { matrix, commitmentX, commitmentY, context, opening };
  const signals = sumCheckSignals(statement, commit);
  const [, , , , , biasAtPoint = 0n] = signals;
  const inputs = { context, matrix: digest, biasAtPoint, weightsAtPoint, blindingX, blindingY, blindingPoint };
  return {
    inputs: {
      ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, value.toString()])),
      x: Array.from(x),
      acc: acc.map(String),
      constant: constant.map(String),
      square: square.map(String),
    },
    statement,
    signals,
  };
}

function half({ shift }: SumCheckShape): bigint {
  return shift === 0 ? 0n : 1n << BigInt(shift - 1);
}

/** Uniform to 2^-130. */
function randomElement(): bigint {
  const bytes = crypto.getRandomValues(new Uint8Array(48));
  return Fr.create(bytes.reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n));
}

const PACK_BITS = 248;

/** The sums as rounding has them, not negative, of `shift + outputBits` bits each: as many as 248 bits hold to an element, the first lowest. */
function packSums(acc: readonly bigint[], shape: SumCheckShape): readonly bigint[] {
  const bits = shape.shift + shape.outputBits;
  const offset = half(shape) + (1n << BigInt(bits - 1));
  const perPack = Math.floor(PACK_BITS / bits);
  return Array.from({ length: Math.ceil(acc.length / perPack) }, (_, pack) =>
    acc
      .slice(pack * perPack, (pack + 1) * perPack)
      .reduceRight((packed, sum) => (packed << BigInt(bits)) + sum + offset, 0n),
  );
}

interface SumCheckMessages {
  readonly constant: readonly bigint[];
  readonly square: readonly bigint[];
  readonly r: readonly bigint[];
  /** The row's multilinear extension at r. */
  readonly weightsAtPoint: bigint;
}

/** Z-73 for the sum of `row_j x_j`: of each round's polynomial the constant and the factor of the square. */
function sumCheck(
  { row, x, rounds }: { readonly row: readonly bigint[]; readonly x: Int32Array; readonly rounds: number },
  challengeOf: (message: readonly [bigint, bigint], last: bigint | undefined) => bigint,
): SumCheckMessages {
  const filled = (values: readonly bigint[]): readonly bigint[] =>
    Array.from({ length: 2 ** rounds }, (_, j) => values[j] ?? 0n);
  let u = filled(row);
  let v = filled(Array.from(x, (value) => Fr.create(BigInt(value))));
  const constant: bigint[] = [];
  const square: bigint[] = [];
  const r: bigint[] = [];
  for (let round = 0; round < rounds; round++) {
    const size = u.length / 2;
    let [atZero, ofSquare] = [0n, 0n];
    for (let j = 0; j < size; j++) {
      const [lowU = 0n, highU = 0n, lowV = 0n, highV = 0n] = [u[j], u[size + j], v[j], v[size + j]];
      atZero += lowU * lowV;
      ofSquare += (highU - lowU) * (highV - lowV);
    }
    const message = [Fr.create(atZero), Fr.create(ofSquare)] as const;
    const challenge = challengeOf(message, r.at(-1));
    constant.push(message[0]);
    square.push(message[1]);
    r.push(challenge);
    [u, v] = [fold(u, challenge), fold(v, challenge)];
  }
  return { constant, square, r, weightsAtPoint: u[0] ?? 0n };
}

/** Fixes the highest bit of the places at a field element. */
function fold(values: readonly bigint[], at: bigint): readonly bigint[] {
  const size = values.length / 2;
  return Array.from({ length: size }, (_, j) => {
    const [low = 0n, high = 0n] = [values[j], values[size + j]];
    return Fr.create(low + at * (high - low));
  });
}
