import type { CircuitSignals } from 'snarkjs';
import { CircuitsError } from '../errors.ts';
import type { Weights } from '../r1cs/appendRows.ts';
import type { Shape } from '../shapes/shape.ts';
import { matrixSums } from './matrixSums.ts';

/** What an operator of a run reads, and what hides it. */
export interface OperatorValues {
  /** By the names of the circuit’s inputs: x, r, g, u, q, angles; k and v one behind the other for each position. */
  readonly tensors: Readonly<Record<string, Int32Array>>;
  /** By the names of the circuit’s inputs: blindingX and so on; a list for each position’s k and v. */
  readonly blindings: Readonly<Record<string, bigint | readonly bigint[]>>;
  /** What the proof is for, below the field’s order. */
  readonly context: bigint;
  /** Of a head: the token it chose. Of attention: how many positions there are. */
  readonly token?: number;
  /** Of a tile of a head: its first row in the vocabulary. */
  readonly first?: number;
  readonly count?: number;
}

/** All inputs of an operator’s circuit, those among them that follow from the others. Throws `BAD_INPUT` if a tensor is missing. */
export function circuitInputs(shape: Shape, weights: Weights | undefined, values: OperatorValues): CircuitSignals {
  const { tensors, blindings, context, token, first, count } = values;
  const signals: CircuitSignals = { context: context.toString() };
  if (token !== undefined) signals.token = token;
  if (first !== undefined) signals.first = first;
  if (count !== undefined) signals.count = count;
  for (const [name, blinding] of Object.entries(blindings))
    signals[name] = typeof blinding === 'bigint' ? blinding.toString() : padded(blinding.map(String), shape);
  for (const [name, tensor] of Object.entries(tensors))
    signals[name] = shape.kind === 'attention' && name !== 'q' ? byPosition(tensor, shape) : Array.from(tensor);
  if (weights === undefined) return signals;
  const x = tensors.x;
  if (x === undefined)
    throw new CircuitsError('BAD_INPUT', 'The operator reads a tensor that is missing.', { name: 'x' });
  if (shape.kind !== 'norm') return { ...signals, acc: matrixSums(weights, Array.from(x, BigInt)).map(String) };
  const r = rootOf(x, shape.epsilon);
  const xr = Array.from(x, (value) => BigInt(value) * r);
  return { ...signals, xr: xr.map(String), z: matrixSums(weights, xr).map(String) };
}

/** The r of X-21. */
function rootOf(x: Int32Array, epsilon: number): bigint {
  const squares = x.reduce((sum, value) => sum + BigInt(value) * BigInt(value), BigInt(epsilon));
  const square = (BigInt(x.length) << 68n) / squares;
  let root = 0n;
  for (let bit = 31n; bit >= 0n; bit--) if ((root + (1n << bit)) ** 2n <= square) root += 1n << bit;
  return root;
}

/** Rows of one position each, and zeros for positions that are not there. */
function byPosition(tensor: Int32Array, shape: Shape & { readonly kind: 'attention' }): number[][] {
  const width = shape.keyHeads * shape.headSize;
  return Array.from({ length: shape.positions }, (_, t) =>
    Array.from({ length: width }, (_, i) => tensor[t * width + i] ?? 0),
  );
}

function padded(blindings: readonly string[], shape: Shape): string[] {
  return shape.kind === 'attention'
    ? Array.from({ length: shape.positions }, (_, t) => blindings[t] ?? '0')
    : [...blindings];
}
