import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { constraintSystem, determine } from '../audit/determinedWires.ts';
import { firstOfHighest, multiply, rshr, saturate } from '../audit/exactReference.ts';
import { toField } from '../audit/field.ts';
import { harmlessChanges } from '../audit/harmlessChanges.ts';
import { hasNoWitness } from '../audit/hasNoWitness.ts';
import { type CircuitInputs, type OpenedShape, openShape } from '../audit/openShape.ts';
import { CONTEXT, commitmentOf, matrixOf } from '../audit/operatorCase.ts';
import { openTensorCommitter } from '../commitment/openTensorCommitter.ts';
import type { CommitTensor } from '../commitment/tensorCommitter.ts';
import { setupLayer } from '../keys/layerKey.ts';
import { circuitInputs } from '../prove/circuitInputs.ts';
import { kernelProver } from '../prove/kernelProver.ts';
import { proveLayer } from '../prove/proveLayer.ts';
import { endSnarkjs } from '../prove/snarkjsProver.ts';
import { brokenConstraints } from '../r1cs/witnessFile.ts';
import { verifyLayer } from '../verify/verifyLayer.ts';
import { type HeadShape, headTiles } from './shape.ts';

let folder: string;
let commit: CommitTensor;
const opened: OpenedShape[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-tiles-'));
  commit = await openTensorCommitter();
  for (const { shape } of tiles) opened.push(await openShape(shape, folder));
});
afterAll(async () => {
  await endSnarkjs();
  await rm(folder, { recursive: true, force: true });
});

const head: HeadShape = { kind: 'head', vocabulary: 8, columns: 2, inputBits: 16, shift: 4, logitBits: 16 };
/** Rows 0 to 2, 3 to 5, and 6 and 7. */
const tiles = headTiles(head, 3);
const entries = [
  [3, -50],
  [400, 7],
  [-12, 90],
  [5, 6],
  [401, 7],
  [0, 0],
  [401, 7],
  [-400, 100],
];
const matrix = matrixOf(entries);
const [BLINDING_X, BLINDING_TOP] = [2n ** 250n + 11n, 2n ** 240n + 17n];

interface Claim {
  readonly x: readonly bigint[];
  readonly token: number;
  readonly top: bigint;
}

function honestClaim(x: readonly bigint[]): Claim {
  const logits = multiply(matrix.entries, x).map((sum) => saturate(rshr(sum, head.shift), head.logitBits));
  const token = firstOfHighest(logits);
  return { x, token, top: logits[token] ?? 0n };
}

function inputsOf(tile: number, { x, token, top }: Claim): CircuitInputs {
  const { first, shape } = tiles[tile] ?? { first: 0, shape: { rows: 0 } };
  return {
    context: CONTEXT,
    token: BigInt(token),
    first: BigInt(first),
    blindingX: BLINDING_X,
    blindingTop: BLINDING_TOP,
    x,
    top,
    acc: multiply(matrix.entries.slice(first, first + shape.rows), x),
  };
}

const fileOf = (tile: number) => {
  const { first, shape } = tiles[tile] ?? { first: 0, shape: { rows: 0 } };
  const own = matrixOf(entries.slice(first, first + shape.rows));
  return (opened[tile] as OpenedShape).withRows(own.weights);
};

/** Of all tiles: whether each has a witness; where it has none, propagation must show that there is none at all. */
async function verdicts(claim: Claim): Promise<readonly boolean[]> {
  return Promise.all(
    tiles.map(async (_, tile) => {
      const shape = opened[tile] as OpenedShape;
      const inputs = inputsOf(tile, claim);
      const witness = await shape.witness(inputs).catch(() => undefined);
      if (witness === undefined) {
        const { acc: __, ...given } = inputs;
        expect(hasNoWitness(shape, constraintSystem(fileOf(tile)), given)).toBe(true);
        return false;
      }
      expect(brokenConstraints(fileOf(tile), witness)).toEqual([]);
      return true;
    }),
  );
}

const X: readonly (readonly bigint[])[] = [
  [100n, 3n],
  [0n, 500n],
  [0n, -700n],
  // Rounding makes rows 1, 4 and 6 equal.
  [1n, 0n],
];

test('Z-16: tiles cover the vocabulary once', () => {
  expect(tiles.map(({ first, shape: { rows } }) => [first, rows])).toEqual([
    [0, 3],
    [3, 3],
    [6, 2],
  ]);
});

test('Z-16: all tiles have witnesses of the first of the highest, with its logit as top, and of nothing else', async () => {
  const tokens = new Set<number>();
  for (const x of X) {
    const honest = honestClaim(x);
    tokens.add(honest.token);
    expect(await verdicts(honest)).toEqual([true, true, true]);
    for (let token = 0; token < head.vocabulary; token++)
      for (const top of [honest.top, honest.top - 1n, honest.top + 1n]) {
        if (token === honest.token && top === honest.top) continue;
        expect(await verdicts({ x, token, top }), `${x} ${token} ${top}`).toContain(false);
      }
  }
  // In every tile, so that there are others before and behind it.
  expect([...tokens].sort()).toEqual([0, 1, 4, 7]);
});

test('Z-16: a token outside of the vocabulary leaves no tile to fix top, and is the caller’s to refuse', async () => {
  const { x, top } = honestClaim(X[0] ?? []);
  expect(await verdicts({ x, token: 8, top: top + 5n })).toEqual([true, true, true]);
});

test('Z-16: the signals are the commitments to x and top, the context, the token and the first row', async () => {
  const claim = honestClaim(X[0] ?? []);
  for (const [tile, { first }] of tiles.entries()) {
    const witness = await (opened[tile] as OpenedShape).witness(inputsOf(tile, claim));
    expect(witness.slice(1, 6)).toEqual([
      commitmentOf(commit, { values: claim.x, bits: 16, blinding: BLINDING_X }),
      commitmentOf(commit, { values: [claim.top], bits: 16, blinding: BLINDING_TOP }),
      CONTEXT,
      BigInt(claim.token),
      BigInt(first),
    ]);
  }
});

test('the inputs force every wire, and no single one has another value', async () => {
  for (const x of X.slice(0, 3))
    for (const [tile] of tiles.entries()) {
      const shape = opened[tile] as OpenedShape;
      const inputs = inputsOf(tile, honestClaim(x));
      const honest = await shape.witness(inputs);
      const file = fileOf(tile);
      const given = new Map<number, bigint>();
      for (const [name, value] of Object.entries(inputs)) {
        if (name === 'acc') continue;
        if (typeof value === 'bigint') given.set(shape.wire(name), toField(value));
        else for (const [i, each] of value.entries()) given.set(shape.wire(`${name}[${i}]`), toField(each));
      }
      const { values, contradiction } = determine(constraintSystem(file), given);
      expect(contradiction).toBeUndefined();
      expect(values).toEqual(honest);
      expect(harmlessChanges({ opened: shape, file, honest })).toEqual([]);
    }
});

test('a proof of each tile verifies, and one of another tile’s key does not', async () => {
  const claim = honestClaim(X[0] ?? []);
  const prover = kernelProver();
  const made = [];
  for (const { first, shape } of tiles.slice(0, 2)) {
    const { weights } = matrixOf(entries.slice(first, first + shape.rows));
    const key = await setupLayer({ shape, weights, folder, seed: new Uint8Array(32) });
    const inputs = circuitInputs(shape, weights, {
      tensors: { x: Int32Array.from(claim.x, Number), top: Int32Array.of(Number(claim.top)) },
      blindings: { blindingX: BLINDING_X, blindingTop: BLINDING_TOP },
      context: CONTEXT,
      token: claim.token,
      first,
    });
    const signals = [
      commitmentOf(commit, { values: claim.x, bits: 16, blinding: BLINDING_X }),
      commitmentOf(commit, { values: [claim.top], bits: 16, blinding: BLINDING_TOP }),
      CONTEXT,
      BigInt(claim.token),
      BigInt(first),
    ];
    const proof = await proveLayer({ key, inputs, signals }, { prover });
    expect(verifyLayer({ verifyingKey: key.verifyingKey, signals, proof })).toEqual({ verdict: 'accept' });
    made.push({ key, signals, proof });
  }
  const [one, other] = made;
  if (one === undefined || other === undefined) throw new Error('Two tiles were proven.');
  const { verifyingKey } = one.key;
  expect(verifyLayer({ verifyingKey, signals: other.signals, proof: other.proof })).toMatchObject({ rule: 'Z-23' });
});
