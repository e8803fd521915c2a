import { concatBytes, verifySignature } from '@karmesh/sdk/protocol';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { namedHash } from './keys.ts';

// Keys and signatures on which implementations of Ed25519 differ ("Taming the many EdDSAs", Chalkias, Garillot, Nikolaenko, 2020).

type Point = InstanceType<typeof ed25519.Point>;
const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
const FIELD = 2n ** 255n - 19n;
/** Of order 8. */
const TORSION = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');

export interface OddSignature {
  readonly name: string;
  readonly key: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
}

function scalarOf(name: string): bigint {
  return (fromLittleEndian(namedHash(name)) % (ORDER - 1n)) + 1n;
}

function times(point: Point, factor: bigint): Point {
  return point.multiplyUnsafe(factor);
}

/** Tries nonces until R and the 512 bits of its hash please `wanted`, and signs as if the key had no part of small order. */
function ground(
  secret: { readonly key: Uint8Array; readonly scalar: bigint },
  options: { readonly wanted: (wide: bigint) => boolean; readonly torsionOfR?: Point },
): (message: Uint8Array) => Uint8Array {
  const { key, scalar } = secret;
  return (message) => {
    for (let trial = 0; trial < 10_000; trial++) {
      const nonce = scalarOf(`nonce ${trial}`);
      const r = times(Point.BASE, nonce)
        .add(options.torsionOfR ?? Point.ZERO)
        .toBytes();
      const wide = fromLittleEndian(sha512(concatBytes(r, key, message)));
      if (options.wanted(wide)) return concatBytes(r, littleEndian((nonce + (wide % ORDER) * scalar) % ORDER));
    }
    throw new RangeError('No nonce was found.');
  };
}

const any = (): boolean => true;
const isMultiple = (value: bigint): boolean => value % 8n === 0n;

/** Some that hold by F-05 and some that do not; which, `verifySignature` says. */
export function oddSignatures(): readonly OddSignature[] {
  const scalar = scalarOf('secret');
  const plain = { key: times(Point.BASE, scalar).toBytes(), scalar };
  const signed = ground(plain, { wanted: any });
  const out: OddSignature[] = [];
  const add = (name: string, key: Uint8Array, sign: OddSignature['sign']): void => {
    out.push({ name, key, sign });
  };
  add('plain', plain.key, signed);
  for (let i = 0; i < 12; i++) {
    const secret = namedHash(`seed ${i}`);
    add(`of another implementation, ${i}`, ed25519.getPublicKey(secret), (message) => ed25519.sign(message, secret));
  }
  for (const bit of [0, 7, 100, 254, 255, 256, 300, 507, 508, 511]) {
    add(`bit ${bit} flipped`, plain.key, (message) => {
      const bent = signed(message);
      bent[bit >> 3] = (bent[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return bent;
    });
  }
  const withS = (change: (s: bigint) => bigint) => (message: Uint8Array) => {
    const true_ = signed(message);
    return concatBytes(true_.subarray(0, 32), littleEndian(change(fromLittleEndian(true_.subarray(32)))));
  };
  add(
    'S + L',
    plain.key,
    withS((s) => s + ORDER),
  );
  add(
    'S = L',
    plain.key,
    withS(() => ORDER),
  );
  add(
    'S = L - 1',
    plain.key,
    withS(() => ORDER - 1n),
  );
  add(
    'S = 0',
    plain.key,
    withS(() => 0n),
  );
  add(
    'S = -S',
    plain.key,
    withS((s) => ORDER - s),
  );
  add('another message', plain.key, () => signed(namedHash('another message')));

  for (let multiple = 0n; multiple < 8n; multiple++) {
    const torsion = multiple === 0n ? Point.ZERO : times(TORSION, multiple);
    add(
      `a key of small order, ${multiple}`,
      torsion.toBytes(),
      ground({ key: torsion.toBytes(), scalar: 0n }, { wanted: isMultiple }),
    );
    add(`R of small order, ${multiple}`, plain.key, (message) => {
      const r = torsion.toBytes();
      const k = fromLittleEndian(sha512(concatBytes(r, plain.key, message))) % ORDER;
      return concatBytes(r, littleEndian((k * scalar) % ORDER));
    });
    if (multiple === 0n) continue;
    add(`R with a part of small order, ${multiple}`, plain.key, ground(plain, { wanted: any, torsionOfR: torsion }));
    const mixed = { key: times(Point.BASE, scalar).add(torsion).toBytes(), scalar };
    const reduced = (wide: bigint): boolean => isMultiple(wide % ORDER);
    add(`a part of small order cancels, ${multiple}`, mixed.key, ground(mixed, { wanted: reduced }));
    add(
      `it cancels with k as it is reduced alone, ${multiple}`,
      mixed.key,
      ground(mixed, { wanted: (wide) => reduced(wide) && !isMultiple(wide) }),
    );
    add(
      `it cancels with k as it is hashed alone, ${multiple}`,
      mixed.key,
      ground(mixed, { wanted: (wide) => !reduced(wide) && isMultiple(wide) }),
    );
    add(`it does not cancel, ${multiple}`, mixed.key, ground(mixed, { wanted: (wide) => (wide % ORDER) % 8n === 1n }));
    // -k·T in R's part of small order makes up for that of the key.
    add(
      `R and key with parts of small order that cancel, ${multiple}`,
      mixed.key,
      ground(mixed, { wanted: (wide) => (wide % ORDER) % 8n === 7n, torsionOfR: torsion }),
    );
  }
  // y at or above the field's order, with either sign.
  for (const beyond of [0n, 1n, 3n, 5n, 18n]) {
    for (const sign of [0n, 1n << 255n]) {
      const encoded = littleEndian(FIELD + beyond + sign);
      add(`a key with y = p + ${beyond}${sign === 0n ? '' : ', odd x'}`, encoded, signed);
      add(`R with y = p + ${beyond}${sign === 0n ? '' : ', odd x'}`, plain.key, (message) =>
        concatBytes(encoded, signed(message).subarray(32)),
      );
    }
  }
  // No x for this y.
  const noPoint = Uint8Array.from([2, ...new Uint8Array(31)]);
  add('a key that is no point', noPoint, signed);
  add('R that is no point', plain.key, (message) => concatBytes(noPoint, signed(message).subarray(32)));
  add('zeros', new Uint8Array(32), () => new Uint8Array(64));
  add('zeros under a key', plain.key, () => new Uint8Array(64));
  add('ones', new Uint8Array(32).fill(255), () => new Uint8Array(64).fill(255));
  for (let i = 0; i < 6; i++) {
    add(`anything, ${i}`, namedHash(`key ${i}`), () =>
      concatBytes(namedHash(`r ${i}`), littleEndian(scalarOf(`s ${i}`))),
    );
  }
  return out;
}

export function holds(one: OddSignature, message: Uint8Array): boolean {
  return verifySignature({ message, signature: one.sign(message), identity: one.key });
}
