import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  circuitInputs,
  circuitOf,
  endSnarkjs,
  kernelProver,
  openTensorCommitter,
  proveLayer,
  setupLayer,
  statementOf,
} from '@karmesh/circuits';
import { PROGRAM_ID } from '@karmesh/sdk/program';
import { makeDomain, proofContext, toHex } from '@karmesh/sdk/protocol';
import { bn254 } from '@noble/curves/bn254.js';
import { bytesOf, readG1, readG2, writeG1, writeG2 } from '../../circuits/src/verify/points.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { TOKEN } from '../program/proofSteps.ts';
import { MODEL } from '../program/world.ts';

// Writes test/vectors/proofs.json: a proof, and everything that must not pass for one, which the verifiers in TypeScript, on Solana and on an EVM chain
// judge alike. Proofs are random, so that what the file has is kept and only what it lacks is made: node test/proofs/recordVectors.ts

type Verdict = 'accept' | { readonly rule: string; readonly fault: string };
interface Case {
  readonly name: string;
  readonly key: string;
  readonly signals: readonly string[];
  readonly proof: string;
  readonly verdict: Verdict;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const numberOf = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
const element = (value: number): Uint8Array => new Uint8Array(32).fill(value, 0, 1);
const ORDER = bn254.fields.Fr.ORDER;
const BASE = bn254.fields.Fp.ORDER;

const folder = await mkdtemp(join(tmpdir(), 'karmesh-vectors-'));
const shape = { kind: 'linear', rows: 2, columns: 3, inputBits: 8, shift: 4, outputBits: 8 } as const;
const seed = new Uint8Array(32);
const matrix = [
  [1, -2, 3],
  [100, 0, -7],
];
const layer = (rows: readonly (readonly number[])[]) => ({ rows: 2, columns: 3, row: (i: number) => rows[i] ?? [] });
const weights = layer(matrix);
const key = await setupLayer({ shape, weights, folder, seed });
const other = await setupLayer({ shape, weights: layer([[1, -2, 4], matrix[1] ?? []]), folder, seed });
const commit = await openTensorCommitter();
const x = Int32Array.of(5, -8, 9);
const y = Int32Array.of((5 + 16 + 27 + 8) >> 4, (500 - 63 + 8) >> 4);
const prove = async (context: bigint) => {
  const blindings = { blindingX: 3n, blindingY: 4n };
  const signals = statementOf(circuitOf(shape), {
    commitmentX: numberOf(commit({ values: x, bits: 8, blinding: element(3) })),
    commitmentY: numberOf(commit({ values: y, bits: 8, blinding: element(4) })),
    context,
  });
  const inputs = circuitInputs(shape, weights, { tensors: { x }, blindings, context });
  return { signals, proof: await proveLayer({ key, inputs, signals }, { prover: kernelProver() }) };
};
const joined = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => Array.from(part)));

/** (k A, B / k, C) proves what (A, B, C) does. */
function again(proof: Uint8Array): Uint8Array {
  const k = 123_456_789n;
  const [a, b, c] = pointsOf(proof);
  const [pointA, pointB] = [readG1(a), readG2(b)];
  if (pointA === undefined || pointB === undefined) throw new Error('The proof has no points.');
  const inverse = bn254.fields.Fr.inv(k);
  return joined(writeG1(pointA.multiply(k)), writeG2(pointB.multiply(inverse)), c);
}

function pointsOf(proof: Uint8Array): readonly [a: Uint8Array, b: Uint8Array, c: Uint8Array] {
  return [proof.subarray(0, 64), proof.subarray(64, 192), proof.subarray(192)];
}

/** A point of the twist that is not in the group of the order that pairings need. */
function outside(): Uint8Array {
  const { Fp2 } = bn254.fields;
  const curve = bn254.G2.Point.CURVE();
  for (let i = 1n; ; i++) {
    const x2 = Fp2.create({ c0: i, c1: 1n });
    const square = Fp2.add(Fp2.mul(Fp2.sqr(x2), x2), curve.b);
    try {
      const y2 = Fp2.sqrt(square);
      return bytesOf([x2.c1, x2.c0, y2.c1, y2.c0]);
    } catch {
      // No root: the next one.
    }
  }
}

const reject = (rule: string, fault: string): Verdict => ({ rule, fault });
const forged = Uint8Array.from(key.verifyingKey);
forged.copyWithin(64 + 2 * 128, 64 + 128, 64 + 2 * 128);
const blank = (from: number, to?: number): Uint8Array => Uint8Array.from(key.verifyingKey).fill(0, from, to);
const infinity = (bytes: number): Uint8Array => new Uint8Array(bytes);

/** A proof of this context and everything that must not pass for one. */
async function casesOf(context: bigint): Promise<readonly Case[]> {
  const { signals, proof } = await prove(context);
  const another = await prove(context + 1n);
  const none = await prove(0n);
  const [a, b, c] = pointsOf(proof);
  const of = (
    name: string,
    verdict: Verdict,
    changed: Partial<{ key: Uint8Array; signals: readonly bigint[]; proof: Uint8Array }>,
  ): Case => ({
    name,
    key: hex(changed.key ?? key.verifyingKey),
    signals: (changed.signals ?? signals).map(String),
    proof: hex(changed.proof ?? proof),
    verdict,
  });
  const [first = 0n, second = 0n] = signals;
  return [
    of('an honest proof', 'accept', {}),
    of('the same proof made over: who counts proofs counts statements', 'accept', { proof: again(proof) }),
    of('another input', reject('Z-23', 'equation'), { signals: [first + 1n, second, context] }),
    of('another output', reject('Z-23', 'equation'), { signals: [first, second + 1n, context] }),
    of('another context', reject('Z-23', 'equation'), { signals: [first, second, context + 1n] }),
    of('signals in another order', reject('Z-23', 'equation'), { signals: [second, first, context] }),
    of('the last signal left out, which counts as 0', reject('Z-21', 'signal count'), {
      signals: none.signals.slice(0, 2),
      proof: none.proof,
    }),
    of('one signal too many', reject('Z-21', 'signal count'), { signals: [...signals, 0n] }),
    of('no signals', reject('Z-21', 'signal count'), { signals: [] }),
    of('a signal plus the order', reject('Z-21', 'signal range'), { signals: [first, second, context + ORDER] }),
    of('a signal that is the order', reject('Z-21', 'signal range'), { signals: [first, second, ORDER] }),
    of('the proof of another context', reject('Z-23', 'equation'), { proof: another.proof }),
    of('the key of other weights', reject('Z-23', 'equation'), { key: other.verifyingKey }),
    of('A off the curve', reject('Z-22', 'point A'), { proof: joined(bytesOf([1n, 1n]), b, c) }),
    of('A with a coordinate plus the base order', reject('Z-22', 'point A'), {
      proof: joined(bytesOf([numberBig(a.subarray(0, 32)) + BASE, numberBig(a.subarray(32))]), b, c),
    }),
    of('B off its curve', reject('Z-22', 'point B'), { proof: joined(a, bytesOf([1n, 2n, 3n, 4n]), c) }),
    of('B on its curve and outside of its group', reject('Z-22', 'point B'), { proof: joined(a, outside(), c) }),
    of('B with its halves exchanged', reject('Z-22', 'point B'), {
      proof: joined(a, b.subarray(32, 64), b.subarray(0, 32), b.subarray(96), b.subarray(64, 96), c),
    }),
    of('C off the curve', reject('Z-22', 'point C'), { proof: joined(a, b, bytesOf([1n, 3n])) }),
    of('A and C exchanged', reject('Z-23', 'equation'), { proof: joined(c, b, a) }),
    of('A negated', reject('Z-23', 'equation'), {
      proof: joined(writeG1((readG1(a) ?? bn254.G1.Point.ZERO).negate()), b, c),
    }),
    of('points at infinity', reject('Z-23', 'equation'), { proof: infinity(256) }),
    of('a byte too few', reject('Z-22', 'proof length'), { proof: proof.subarray(1) }),
    of('a byte too many', reject('Z-22', 'proof length'), { proof: joined(proof, infinity(1)) }),
    of('no bytes', reject('Z-22', 'proof length'), { proof: infinity(0) }),
    of('a key whose gamma is its delta', reject('Z-20', 'key'), { key: forged }),
    of('a key that ends early', reject('Z-20', 'key'), { key: key.verifyingKey.subarray(0, -1) }),
    of('a key without a point for a signal', reject('Z-21', 'signal count'), {
      key: key.verifyingKey.subarray(0, -64),
    }),
    of('a key with a point off its curve', reject('Z-20', 'key'), {
      key: joined(bytesOf([1n, 1n]), key.verifyingKey.subarray(64)),
    }),
    of('a key whose alpha is zero', reject('Z-20', 'key'), { key: blank(0, 64) }),
    of('a key whose beta is zero', reject('Z-20', 'key'), { key: blank(64, 192) }),
    of('a key that does not depend on a signal', reject('Z-20', 'key'), { key: blank(-64) }),
  ];
}

function numberBig(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
}

// Z-41: an operator of a token in the market of the program's tests.
const place = {
  domain: makeDomain({ genesisHash: liteSvmLedger().genesis, programId: PROGRAM_ID }),
  ...TOKEN,
  modelId: MODEL,
  operator: 1,
};

const file = fileURLToPath(new URL('../vectors/proofs.json', import.meta.url));
const known = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Partial<Record<string, unknown>>;
const about =
  'Groth16 proofs over BN254 of a layer of 2 x 3 under an INSECURE DEVELOPMENT KEY; docs/proofs.md, Z-20 to Z-23.';
const aboutChain = 'The same with the context of a token in a market (Z-41), which a chain computes itself.';
const chain = {
  about: aboutChain,
  place: {
    domain: toHex(place.domain),
    epoch: String(place.epoch),
    entryHash: toHex(place.entryHash),
    modelId: toHex(place.modelId),
    position: place.position,
    operator: place.operator,
  },
  cases: [] as readonly Case[],
};
const vectors = {
  about,
  cases: known.cases ?? (await casesOf(5n)),
  chain: known.chain ?? { ...chain, cases: await casesOf(proofContext(place.domain, place)) },
};
await writeFile(file, `${JSON.stringify(vectors, undefined, 1)}\n`);
await endSnarkjs();
await rm(folder, { recursive: true });
