import { bn254 } from '@noble/curves/bn254.js';

// Points as EIP-197 and Solana’s alt_bn128 have them: coordinates of 32 bytes, big-endian, of an element of the quadratic extension the
// imaginary part first. Zeros alone are the point at infinity.

export type G1 = InstanceType<typeof bn254.G1.Point>;
export type G2 = InstanceType<typeof bn254.G2.Point>;

export const G1_BYTES = 64;
export const G2_BYTES = 128;
const COORDINATE_BYTES = 32;
const BASE_ORDER = bn254.fields.Fp.ORDER;

/** Undefined unless the coordinates are canonical and the point is on the curve, whose only group it is. */
export function readG1(bytes: Uint8Array): G1 | undefined {
  const [x, y] = coordinates(bytes, 2) ?? [];
  if (x === undefined || y === undefined) return undefined;
  return x === 0n && y === 0n ? bn254.G1.Point.ZERO : onCurve(() => bn254.G1.Point.fromAffine({ x, y }));
}

/** Undefined unless the coordinates are canonical, the point is on the twist and in the group of the order that pairings need. */
export function readG2(bytes: Uint8Array): G2 | undefined {
  const [x1, x0, y1, y0] = coordinates(bytes, 4) ?? [];
  if (x1 === undefined || x0 === undefined || y1 === undefined || y0 === undefined) return undefined;
  if (x1 === 0n && x0 === 0n && y1 === 0n && y0 === 0n) return bn254.G2.Point.ZERO;
  return onCurve(() => bn254.G2.Point.fromAffine({ x: { c0: x0, c1: x1 }, y: { c0: y0, c1: y1 } }));
}

export function writeG1(point: G1): Uint8Array {
  if (point.equals(bn254.G1.Point.ZERO)) return new Uint8Array(G1_BYTES);
  const { x, y } = point.toAffine();
  return bytesOf([x, y]);
}

export function writeG2(point: G2): Uint8Array {
  if (point.equals(bn254.G2.Point.ZERO)) return new Uint8Array(G2_BYTES);
  const { x, y } = point.toAffine();
  return bytesOf([x.c1, x.c0, y.c1, y.c0]);
}

/** Coordinates one behind the other. */
export function bytesOf(numbers: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length * COORDINATE_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, number] of numbers.entries())
    for (let limb = 0; limb < 4; limb++)
      view.setBigUint64(i * COORDINATE_BYTES + 8 * limb, BigInt.asUintN(64, number >> BigInt(64 * (3 - limb))));
  return bytes;
}

function coordinates(bytes: Uint8Array, count: number): readonly bigint[] | undefined {
  if (bytes.length !== count * COORDINATE_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const numbers = Array.from({ length: count }, (_, i) => {
    let number = 0n;
    for (let limb = 0; limb < 4; limb++) number = (number << 64n) + view.getBigUint64(i * COORDINATE_BYTES + 8 * limb);
    return number;
  });
  return numbers.every((number) => number < BASE_ORDER) ? numbers : undefined;
}

function onCurve<Point extends { assertValidity(): void }>(make: () => Point): Point | undefined {
  try {
    const point = make();
    point.assertValidity();
    return point;
  } catch {
    return undefined;
  }
}
