import { elementBytes, elementOf } from '../commitment/elements.ts';
import type { TensorCommitter } from '../commitment/tensorCommitter.ts';
import type { SumCheckShape } from '../shapes/shape.ts';
import type { DigestedMatrix } from './digestMatrix.ts';
import { biasAt, type MatrixPoint } from './evaluateMatrix.ts';

/** What travels with a proof. It says nothing about x or y. */
export interface SumCheckOpening {
  /** Where the proof reads the matrix. */
  readonly point: MatrixPoint;
  /** What it says that the weights come to there. */
  readonly weightsAtPoint: bigint;
}

export interface SumCheckStatement {
  readonly matrix: DigestedMatrix;
  readonly commitmentX: bigint;
  readonly commitmentY: bigint;
  /** What the proof is for, below the field's order. */
  readonly context: bigint;
  /** Field elements below the order. */
  readonly opening: SumCheckOpening;
}

/** Hashes field elements (Z-03). */
export type HashList = Pick<TensorCommitter, 'list'>;

/** The first item of each list that is hashed, which tells what it is for (Z-72 to Z-74). */
export const RHO_TAG = 1n;
export const CHALLENGE_TAG = 2n;
const POINT_TAG = 3n;

/** Z-74: the first item of the point's list holds the shape too. */
function pointTag({ rows, columns, inputBits, shift, outputBits }: SumCheckShape): bigint {
  const fields = [rows, columns, inputBits, shift, outputBits].map(BigInt);
  return fields.reduce((tag, field, i) => tag + (field << (SHAPE_BITS[i] ?? 0n)), POINT_TAG);
}

/** Where the fields of a shape begin in it. */
const SHAPE_BITS = [8n, 32n, 56n, 64n, 80n];

/** Z-70: the public signals of a statement, in order. */
export function sumCheckSignals(
  { matrix, commitmentX, commitmentY, context, opening }: SumCheckStatement,
  hash: HashList,
): readonly bigint[] {
  const { point, weightsAtPoint } = opening;
  // Z-74
  const commitmentPoint = hashItems(hash, [pointTag(matrix.shape), point.rho, ...point.r]);
  const biasAtPoint = biasAt(matrix.weights, point.rho);
  return [commitmentX, commitmentY, commitmentPoint, context, matrix.digest, biasAtPoint, weightsAtPoint];
}

/** Z-03 of elements below the field's order. */
export function hashItems(hash: HashList, items: readonly bigint[]): bigint {
  return elementOf(hash.list(items.map(elementBytes)));
}
