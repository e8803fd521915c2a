import { elementBytes, elementOf } from '../commitment/elements.ts';
import type { CommitTensor } from '../commitment/tensorCommitter.ts';
import type { Weights } from '../r1cs/appendRows.ts';
import type {
  AttentionShape,
  HeadShape,
  HiddenShape,
  LinearShape,
  NormShape,
  ResidualShape,
  RotatedShape,
} from '../shapes/shape.ts';
import { attended, firstOfHighest, gated, inverseRoot, multiply, rotated, rshr, saturate } from './exactReference.ts';
import type { CircuitInputs } from './openShape.ts';

/** A tensor that a statement commits to. */
export interface CommittedTensor {
  readonly values: readonly bigint[];
  readonly bits: number;
  readonly blinding: bigint;
}

/** An operator's inputs for its circuit, and what its statement commits to by the rules. */
export interface OperatorCase {
  readonly inputs: CircuitInputs;
  /** By the names of the signals. */
  readonly tensors: Readonly<Record<string, CommittedTensor>>;
}

/** Integers of a matrix, as big integers and as rows. */
export interface Matrix {
  readonly entries: readonly (readonly bigint[])[];
  readonly bias: readonly bigint[];
  readonly weights: Weights;
}

export function matrixOf(entries: readonly (readonly number[])[], bias?: readonly number[]): Matrix {
  return {
    entries: entries.map((row) => row.map(BigInt)),
    bias: entries.map((_, i) => BigInt(bias?.[i] ?? 0)),
    weights: {
      rows: entries.length,
      columns: entries[0]?.length ?? 0,
      row: (index) => entries[index] ?? [],
      ...(bias === undefined ? {} : { bias: (index: number) => bias[index] ?? 0 }),
    },
  };
}

/** A matrix that holds a norm's weights on its diagonal. */
export function diagonalOf(weights: readonly number[]): Matrix {
  return matrixOf(weights.map((weight, i) => weights.map((_, j) => (i === j ? weight : 0))));
}

export const CONTEXT = 1_234_567_890_123_456_789n;
const BLINDINGS = { from: 2n ** 250n + 11n, other: 2n ** 200n + 13n, to: 2n ** 240n + 17n };

export function linearCase(
  { inputBits, shift, outputBits }: LinearShape,
  { entries, bias }: Matrix,
  x: readonly bigint[],
): OperatorCase {
  const acc = multiply(entries, x, bias);
  const y = acc.map((value) => rshr(value, shift));
  return {
    inputs: { context: CONTEXT, blindingX: BLINDINGS.from, blindingY: BLINDINGS.to, x, acc },
    tensors: {
      commitmentX: { values: x, bits: inputBits, blinding: BLINDINGS.from },
      commitmentY: { values: y, bits: outputBits, blinding: BLINDINGS.to },
    },
  };
}

export function rotatedCase(
  { inputBits, shift, headSize, pairs, fraction, outputBits }: RotatedShape,
  { entries, bias }: Matrix,
  { x, angles }: { readonly x: readonly bigint[]; readonly angles: readonly bigint[] },
): OperatorCase {
  const acc = multiply(entries, x, bias);
  const straight = acc.map((value) => rshr(value, shift));
  const heads = Array.from({ length: straight.length / headSize }, (_, h) =>
    rotated(straight.slice(h * headSize, (h + 1) * headSize), angles, { pairs, fraction }),
  );
  return {
    inputs: { context: CONTEXT, blindingX: BLINDINGS.from, blindingY: BLINDINGS.to, angles, x, acc },
    tensors: {
      commitmentX: { values: x, bits: inputBits, blinding: BLINDINGS.from },
      commitmentY: { values: heads.flat(), bits: outputBits, blinding: BLINDINGS.to },
      commitmentAngles: { values: angles, bits: 16, blinding: 0n },
    },
  };
}

/** Attention of one position over `keys` and `values`, one of each for a position that is there; and each head's highest score. */
export function attentionCase(
  { heads, keyHeads, headSize, positions, bits, shift }: AttentionShape,
  past: { readonly keys: readonly (readonly bigint[])[]; readonly values: readonly (readonly bigint[])[] },
  q: readonly bigint[],
): OperatorCase & { readonly tops: readonly bigint[] } {
  const found = Array.from({ length: heads }, (_, h) => {
    const at = Math.floor((h * keyHeads) / heads) * headSize;
    const part = (rows: readonly (readonly bigint[])[]): readonly (readonly bigint[])[] =>
      rows.map((row) => row.slice(at, at + headSize));
    const own = { keys: part(past.keys), values: part(past.values) };
    return attended(q.slice(h * headSize, (h + 1) * headSize), own, shift);
  });
  const output = found.flatMap((head) => head.output);
  const filled = (rows: readonly (readonly bigint[])[]): readonly bigint[] =>
    Array.from({ length: positions }, (_, t) => rows[t] ?? Array<bigint>(keyHeads * headSize).fill(0n)).flat();
  const blinding = (from: bigint): readonly bigint[] => Array.from({ length: positions }, (_, t) => from + BigInt(t));
  return {
    inputs: {
      context: CONTEXT,
      count: BigInt(past.keys.length),
      blindingQ: BLINDINGS.from,
      blindingO: BLINDINGS.to,
      blindingK: blinding(1000n),
      blindingV: blinding(2000n),
      q,
      k: filled(past.keys),
      v: filled(past.values),
    },
    tensors: {
      commitmentQ: { values: q, bits, blinding: BLINDINGS.from },
      commitmentO: { values: output, bits, blinding: BLINDINGS.to },
    },
    tops: found.map(({ top }) => top),
  };
}

export function residualCase(
  { inputBits, shift }: ResidualShape,
  { entries, bias }: Matrix,
  { x, r }: { readonly x: readonly bigint[]; readonly r: readonly bigint[] },
): OperatorCase {
  const acc = multiply(entries, x, bias);
  const y = acc.map((value, i) => (r[i] ?? 0n) + rshr(value, shift));
  return {
    inputs: {
      context: CONTEXT,
      blindingX: BLINDINGS.from,
      blindingR: BLINDINGS.other,
      blindingY: BLINDINGS.to,
      r,
      x,
      acc,
    },
    tensors: {
      commitmentX: { values: x, bits: inputBits, blinding: BLINDINGS.from },
      commitmentR: { values: r, bits: 32, blinding: BLINDINGS.other },
      commitmentY: { values: y, bits: 32, blinding: BLINDINGS.to },
    },
  };
}

export function normCase(
  { epsilon, shift, outputBits }: NormShape,
  { entries }: Matrix,
  x: readonly bigint[],
): OperatorCase {
  const r = inverseRoot(x, BigInt(epsilon));
  const xr = x.map((value) => value * r);
  const z = multiply(entries, xr);
  const y = z.map((value) => rshr(value, shift));
  return {
    inputs: { context: CONTEXT, blindingX: BLINDINGS.from, blindingY: BLINDINGS.to, x, xr, z },
    tensors: {
      commitmentX: { values: x, bits: 32, blinding: BLINDINGS.from },
      commitmentY: { values: y, bits: outputBits, blinding: BLINDINGS.to },
    },
  };
}

export function hiddenCase(
  { gateFraction, shift }: HiddenShape,
  { g, u }: { readonly g: readonly bigint[]; readonly u: readonly bigint[] },
): OperatorCase {
  const y = g.map((gate, i) => gated(gate, u[i] ?? 0n, gateFraction, shift));
  return {
    inputs: {
      context: CONTEXT,
      blindingG: BLINDINGS.from,
      blindingU: BLINDINGS.other,
      blindingY: BLINDINGS.to,
      g,
      u,
    },
    tensors: {
      commitmentG: { values: g, bits: 20, blinding: BLINDINGS.from },
      commitmentU: { values: u, bits: 20, blinding: BLINDINGS.other },
      commitmentY: { values: y, bits: 30, blinding: BLINDINGS.to },
    },
  };
}

export function headCase(
  { inputBits, shift, logitBits }: HeadShape,
  { entries, bias }: Matrix,
  x: readonly bigint[],
): OperatorCase & { readonly token: number } {
  const acc = multiply(entries, x, bias);
  const token = firstOfHighest(acc.map((value) => saturate(rshr(value, shift), logitBits)));
  return {
    token,
    inputs: { context: CONTEXT, token: BigInt(token), blindingX: BLINDINGS.from, x, acc },
    tensors: { commitmentX: { values: x, bits: inputBits, blinding: BLINDINGS.from } },
  };
}

/** Z-01 as a field element. Throws `BAD_INPUT` for a value beyond its bits. */
export function commitmentOf(commit: CommitTensor, { values, bits, blinding }: CommittedTensor): bigint {
  return elementOf(commit({ values: Int32Array.from(values, Number), bits, blinding: elementBytes(blinding) }));
}
