import { createHash } from 'node:crypto';
import { bn254 } from '@noble/curves/bn254.js';
import { bytesOf, writeG1, writeG2 } from '../../circuits/src/verify/points.ts';

const { Fr } = bn254.fields;
const G1 = bn254.G1.Point.BASE;
const G2 = bn254.G2.Point.BASE;
const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** A verifying key whose secrets the test knows, so that it can prove anything of any number of signals without a circuit. */
export interface TrapdoorKey {
  readonly verifyingKey: Uint8Array;
  readonly keyId: Uint8Array;
  /** 256 bytes: A, B and C. Another `salt` gives another proof of the same statement. */
  prove(signals: readonly bigint[], salt?: string): Uint8Array;
  /** A proof whose C is the point at infinity. */
  proveWithoutC(signals: readonly bigint[]): Uint8Array;
}

/** The same key for the same name in every run. */
export function trapdoorKey(name: string, signalCount: number): TrapdoorKey {
  const scalar = (of: string): bigint =>
    Fr.create(BigInt(`0x${createHash('sha512').update(`karmesh test trapdoor ${name} ${of}`).digest('hex')}`));
  const [alpha, beta, gamma, delta] = [scalar('alpha'), scalar('beta'), scalar('gamma'), scalar('delta')];
  const inputs = Array.from({ length: signalCount + 1 }, (_, i) => scalar(`input ${i}`));
  const verifyingKey = joined(
    writeG1(G1.multiply(alpha)),
    ...[beta, gamma, delta].map((secret) => writeG2(G2.multiply(secret))),
    ...inputs.map((secret) => writeG1(G1.multiply(secret))),
  );
  /** alpha beta + inputs gamma: what a b is without C. */
  const rightSide = (signals: readonly bigint[]): bigint => {
    const terms = inputs.map((secret, i) => Fr.mul(secret, i === 0 ? 1n : (signals[i - 1] ?? 0n)));
    const sum = terms.reduce((all, term) => Fr.add(all, term), 0n);
    return Fr.add(Fr.mul(alpha, beta), Fr.mul(sum, gamma));
  };
  return {
    verifyingKey,
    keyId: new Uint8Array(createHash('sha256').update(verifyingKey).digest()),
    prove(signals, salt = '') {
      const [a, b] = [scalar(`a ${salt}`), scalar(`b ${salt}`)];
      const c = Fr.div(Fr.sub(Fr.mul(a, b), rightSide(signals)), delta);
      return joined(writeG1(G1.multiply(a)), writeG2(G2.multiply(b)), writeG1(G1.multiply(c)));
    },
    proveWithoutC: (signals) => joined(writeG1(G1.multiply(rightSide(signals))), writeG2(G2), new Uint8Array(64)),
  };
}

/** A point of the twist, 128 bytes, that is not in the group of the order that pairings need. */
export function outsideOfGroup(): Uint8Array {
  const { Fp2 } = bn254.fields;
  const { b } = bn254.G2.Point.CURVE();
  // The first x from 1 + i on whose x^3 + b has a root.
  for (let each = Fp2.create({ c0: 1n, c1: 1n }); ; each = Fp2.add(each, Fp2.ONE)) {
    try {
      const y = Fp2.sqrt(Fp2.add(Fp2.mul(Fp2.sqr(each), each), b));
      return bytesOf([each.c1, each.c0, y.c1, y.c0]);
    } catch {
      // No root: the next one.
    }
  }
}
