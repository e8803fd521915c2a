import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTensorCommitter } from '../commitment/openTensorCommitter.ts';
import type { TensorCommitter } from '../commitment/tensorCommitter.ts';
import { type LayerKey, setupLayer } from '../keys/layerKey.ts';
import { kernelProver } from '../prove/kernelProver.ts';
import { proveLayer } from '../prove/proveLayer.ts';
import { endSnarkjs, snarkjsProver } from '../prove/snarkjsProver.ts';
import { type SumCheckInputs, sumCheckInputs } from '../prove/sumCheckInputs.ts';
import { FIELD_ORDER } from '../r1cs/r1csFile.ts';
import { sumCheckOf } from '../shapes/shape.ts';
import { type DigestedMatrix, digestMatrix } from '../sumCheck/digestMatrix.ts';
import { type SumCheckStatement, sumCheckSignals } from '../sumCheck/sumCheckStatement.ts';
import { verifyLayer } from './verifyLayer.ts';
import { type SumCheckVerdict, verifySumCheck } from './verifySumCheck.ts';

const shape = sumCheckOf({ kind: 'linear', rows: 3, columns: 5, inputBits: 16, shift: 10, outputBits: 16 });
const ENTRIES = [
  [1, -2, 3, 400, 0],
  [50, 6, -7, 8, -1],
  [9, 0, 1100, -12, 33],
];
const BIAS = [100_000, 0, -5];
const X = Int32Array.of(300, -4000, 25_000, -32_768, 32_767);

function matrixOf(entries: readonly (readonly number[])[], bias = BIAS): DigestedMatrix {
  const weights = { rows: 3, columns: 5, row: (i: number) => entries[i] ?? [], bias: (i: number) => bias[i] ?? 0 };
  return digestMatrix(shape, weights);
}

const matrix = matrixOf(ENTRIES);
const other = matrixOf(ENTRIES.map((row) => row.map((entry) => 7 - entry)));

let folder: string;
let hash: TensorCommitter;
let key: LayerKey;
let proven: SumCheckInputs;
let proof: Uint8Array;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-sums-'));
  hash = await openTensorCommitter();
  key = await setupLayer({ shape, folder, seed: new Uint8Array(32) });
  proven = inputsOf(matrix);
  proof = await proveLayer({ key, ...proven }, { prover: kernelProver() });
});
afterAll(async () => {
  await endSnarkjs();
  await rm(folder, { recursive: true, force: true });
});

function inputsOf(of: DigestedMatrix, blindingPoint = 2n ** 252n + 19n): SumCheckInputs {
  const blindings = { blindingX: 5n, blindingY: 6n, blindingPoint };
  return sumCheckInputs(of, { x: X, blindings, context: 7n }, { commit: hash });
}

function verdictOf(statement: SumCheckStatement, bytes = proof): SumCheckVerdict {
  return verifySumCheck({ verifyingKey: key.verifyingKey, statement, proof: bytes }, { hash });
}

const ACCEPT = { verdict: 'accept' };
const EQUATION = { verdict: 'reject', rule: 'Z-23', fault: 'equation' };

test('Z-70: two matrices are proven under one key, and neither’s proof is one of the other', async () => {
  const second = inputsOf(other);
  const secondProof = await proveLayer({ key, ...second }, { prover: snarkjsProver() });
  expect(verdictOf(proven.statement)).toEqual(ACCEPT);
  expect(verdictOf(second.statement, secondProof)).toEqual(ACCEPT);
  expect(verdictOf(second.statement)).toEqual(EQUATION);
  expect(verdictOf(proven.statement, secondProof)).toEqual(EQUATION);
  expect(verdictOf({ ...proven.statement, matrix: other })).toEqual(EQUATION);
  // Setup takes no weights: whoever comes with a third matrix needs no other key.
  const seed = new Uint8Array(32);
  expect(await setupLayer({ shape, folder, seed })).toEqual(key);
  expect((await readdir(folder)).filter((name) => name.endsWith('.zkey'))).toHaveLength(1);
  await expect(setupLayer({ shape, weights: matrix.weights, folder, seed })).rejects.toThrow(
    'This circuit and these weights do not belong together.',
  );
});

test('Z-71: one flipped bit of a weight or a bias is another statement', () => {
  const flipped = ENTRIES.map((row) => row.map((entry) => entry));
  flipped[1]?.splice(2, 1, -8);
  expect(verdictOf({ ...proven.statement, matrix: matrixOf(flipped) })).toEqual(EQUATION);
  expect(verdictOf({ ...proven.statement, matrix: matrixOf(ENTRIES, [100_000, 1, -5]) })).toEqual(EQUATION);
  expect(verdictOf({ ...proven.statement, matrix: { ...matrix, digest: matrix.digest + 1n } })).toEqual(EQUATION);
});

test('Z-75: weights that are not those behind the digest come to something else', () => {
  // A proof and a digest that hold, with other weights beside them: what a digest that does not bind would let through.
  expect(verdictOf({ ...proven.statement, matrix: { ...other, digest: matrix.digest } })).toEqual({
    verdict: 'reject',
    rule: 'Z-75',
    fault: 'weights',
  });
});

test('Z-75: a proof of a value that the prover picked for its own sums holds, and is refused', async () => {
  // The prover runs all of it with a matrix of its own under the digest of this one.
  const lie = inputsOf({ ...other, digest: matrix.digest });
  const lieProof = await proveLayer({ key, ...lie }, { prover: kernelProver() });
  expect(verdictOf({ ...lie.statement, matrix }, lieProof)).toEqual({
    verdict: 'reject',
    rule: 'Z-75',
    fault: 'weights',
  });
  // The verifier puts the biases into the statement by itself.
  const bent = inputsOf({ ...matrixOf(ENTRIES, [100_000, 1024, -5]), digest: matrix.digest });
  const bentProof = await proveLayer({ key, ...bent }, { prover: kernelProver() });
  expect(verdictOf({ ...bent.statement, matrix }, bentProof)).toEqual(EQUATION);
});

test('Z-21: a replay for another context, other commitments, and every other signal', () => {
  for (const name of ['context', 'commitmentX', 'commitmentY'] as const) {
    const value = proven.statement[name];
    expect(verdictOf({ ...proven.statement, [name]: value + 1n })).toEqual(EQUATION);
    for (const alias of [value + FIELD_ORDER, value - FIELD_ORDER])
      expect(verdictOf({ ...proven.statement, [name]: alias })).toEqual({
        verdict: 'reject',
        rule: 'Z-21',
        fault: 'signal range',
      });
  }
  const { verifyingKey } = key;
  const { signals } = proven;
  expect(signals).toEqual(sumCheckSignals(proven.statement, hash));
  expect(signals).toHaveLength(7);
  for (const [i, signal] of signals.entries()) {
    const changed = signals.with(i, (signal + 1n) % FIELD_ORDER);
    expect(verifyLayer({ verifyingKey, signals: changed, proof }), `signal ${i}`).toEqual(EQUATION);
  }
  for (const odd of [signals.slice(0, 6), [...signals, 0n]])
    expect(verifyLayer({ verifyingKey, signals: odd, proof })).toMatchObject({ fault: 'signal count' });
});

test('Z-74: another point, one with a coordinate more or less, and one beyond the field', () => {
  const { opening } = proven.statement;
  const { rho, r } = opening.point;
  const at = (point: object): SumCheckVerdict =>
    verdictOf({ ...proven.statement, opening: { ...opening, point: { rho, r, ...point } } });
  expect(at({ rho: (rho + 1n) % FIELD_ORDER })).toEqual(EQUATION);
  for (const k of r.keys()) expect(at({ r: r.with(k, ((r[k] ?? 0n) + 1n) % FIELD_ORDER) })).toEqual(EQUATION);
  expect(at({ r: r.toReversed() })).toEqual(EQUATION);
  const refused = { verdict: 'reject', rule: 'Z-74', fault: 'point' };
  expect(at({ r: r.slice(1) })).toEqual(refused);
  expect(at({ r: [...r, 0n] })).toEqual(refused);
  for (const alias of [FIELD_ORDER, -FIELD_ORDER]) {
    expect(at({ rho: rho + alias })).toEqual(refused);
    expect(at({ r: r.with(1, (r[1] ?? 0n) + alias) })).toEqual(refused);
  }
});

test('Z-74: a key of another shape says nothing of this one', async () => {
  const others = [{ shift: 11 }, { outputBits: 17 }, { inputBits: 17 }];
  for (const change of others) {
    const changed = { ...shape, ...change };
    const otherKey = await setupLayer({ shape: changed, folder, seed: new Uint8Array(32) });
    // All as the circuit of the other shape wants it, under the digest of this one.
    const lie = inputsOf({ ...matrix, shape: changed });
    const lieProof = await proveLayer({ key: otherKey, ...lie }, { prover: kernelProver() });
    const { verifyingKey } = otherKey;
    const judged = (statement: SumCheckStatement): SumCheckVerdict =>
      verifySumCheck({ verifyingKey, statement, proof: lieProof }, { hash });
    expect(judged(lie.statement)).toEqual(ACCEPT);
    expect(judged({ ...lie.statement, matrix })).toEqual(EQUATION);
  }
});

test('Z-74: an opening that a decoder made something else of is refused', () => {
  const { opening } = proven.statement;
  const { rho, r } = opening.point;
  const odd = (changed: object): SumCheckVerdict =>
    verdictOf({ ...proven.statement, opening: { ...opening, ...changed } as typeof opening });
  const refused = { verdict: 'reject', rule: 'Z-74', fault: 'point' };
  for (const value of [String(rho), 5, [5n], undefined]) {
    expect(odd({ point: { rho: value, r } })).toEqual(refused);
    expect(odd({ point: { rho, r: r.with(0, value as unknown as bigint) } })).toEqual(refused);
    expect(odd({ weightsAtPoint: value })).toEqual({ verdict: 'reject', rule: 'Z-74', fault: 'value' });
  }
  expect(odd({ point: { rho, r: new Array(r.length) } })).toEqual(refused);
  expect(odd({ point: { rho, r: '123' } })).toEqual(refused);
});

test('Z-13: a sum that saturates is refused before anything is hashed', () => {
  const saturating = (entry: number): SumCheckInputs =>
    inputsOf(matrixOf([[entry, 0, 0, 0, 0], ...ENTRIES.slice(1)], [0, 0, 0]));
  // 300 times the entry, by 2^10.
  for (const entry of [2 ** 17, -(2 ** 17), 2 ** 45]) expect(() => saturating(entry)).toThrow('A result saturates');
  expect(() => saturating(2 ** 16)).not.toThrow();
});

test('Z-74: another value of the weights, and one beyond the field', () => {
  const valued = (weightsAtPoint: bigint): SumCheckVerdict =>
    verdictOf({ ...proven.statement, opening: { ...proven.statement.opening, weightsAtPoint } });
  const { weightsAtPoint } = proven.statement.opening;
  expect(valued((weightsAtPoint + 1n) % FIELD_ORDER)).toEqual(EQUATION);
  for (const alias of [FIELD_ORDER, -FIELD_ORDER])
    expect(valued(weightsAtPoint + alias)).toEqual({ verdict: 'reject', rule: 'Z-74', fault: 'value' });
});

test('Z-75: the matrix is read only for a proof that holds', () => {
  let rowsRead = 0;
  const row = (i: number): readonly number[] => {
    rowsRead++;
    return ENTRIES[i] ?? [];
  };
  const counted = { ...proven.statement, matrix: { ...matrix, weights: { ...matrix.weights, row } } };
  expect(verdictOf({ ...counted, context: 8n })).toEqual(EQUATION);
  expect(verdictOf(counted, new Uint8Array(256))).toMatchObject({ verdict: 'reject' });
  expect(rowsRead).toBe(0);
  expect(verdictOf(counted)).toEqual(ACCEPT);
  expect(rowsRead).toBe(3);
});

test('Z-72: a proof of another blinding has another point, and is another proof of the same commitments', async () => {
  const again = inputsOf(matrix, 2n ** 252n + 20n);
  expect(again.statement.commitmentX).toBe(proven.statement.commitmentX);
  const [one, two] = [proven, again].map(({ statement }) => [
    statement.opening.point.rho,
    ...statement.opening.point.r,
    statement.opening.weightsAtPoint,
  ]);
  expect(one?.filter((value, i) => value === two?.[i])).toEqual([]);
  const bytes = await proveLayer({ key, ...again }, { prover: kernelProver() });
  expect(verdictOf(again.statement, bytes)).toEqual(ACCEPT);
});
