import { createHash } from 'node:crypto';
import { bn254 } from '@noble/curves/bn254.js';
import { FIELD_ORDER, readElement } from '../r1cs/r1csFile.ts';
import { readSections, type Section } from '../r1cs/sections.ts';
import { G1_BYTES, G2_BYTES } from '../verify/points.ts';

/** One step of a key's second phase. */
export interface Contribution {
  /** A beacon is a contribution out of public randomness, which ends a ceremony. */
  readonly kind: 'contribution' | 'beacon';
  /** What the contributor called itself; nobody has checked it. */
  readonly name: string;
  /** BLAKE2b of its points and of what came before: what snarkjs told the contributor. 64 bytes. */
  readonly hash: Uint8Array;
  /** Of a beacon: the public randomness, which was hashed 2^iterations times. */
  readonly beacon?: { readonly value: Uint8Array; readonly iterations: number };
}

/** What a .zkey file says of itself. */
export interface KeyDescription {
  readonly signals: number;
  /** Whether anything went into delta since the key began: without, everybody can forge (Z-20). */
  readonly hasOwnDelta: boolean;
  readonly contributions: readonly Contribution[];
  /** snarkjs’ hash of the key before its contributions: it depends on the constraints, weights included, and on the powers of tau. */
  readonly circuitHash: Uint8Array;
  /** As `readVerifyingKey` reads it. */
  readonly verifyingKey: Uint8Array;
  /** Whether it says that it is an INSECURE DEVELOPMENT KEY. */
  readonly insecure: boolean;
}

const HEADER_BYTES = 84 + G1_BYTES + G1_BYTES + G2_BYTES + G2_BYTES + G1_BYTES + G2_BYTES;
const ALPHA_AT = 84;
const BETA_AT = ALPHA_AT + 2 * G1_BYTES;
const GAMMA_AT = BETA_AT + G2_BYTES;
const DELTA_AT = GAMMA_AT + G2_BYTES + G1_BYTES;
const HASH_BYTES = 64;
/** Delta behind a contribution, its own points and the hash of what came before. */
const POINTS_BYTES = 3 * G1_BYTES + G2_BYTES;
const CONTRIBUTION_BYTES = POINTS_BYTES + 64;
const INSECURE_SECTION = 11;
const MOST_CONTRIBUTIONS = 1024;
/** Who checks a beacon hashes as often: more would keep an auditor busy for hours. */
export const MOST_BEACON_ITERATIONS = 24;

/** Reads what a Groth16 .zkey file over BN254 says of itself; it checks no point. Throws `FILE_INVALID`. */
export function inspectKey(bytes: Uint8Array): KeyDescription {
  const { view, sections, fail } = readSections(bytes, { kind: 'zkey', version: 1 });
  const section = (id: number): Section => sections.get(id) ?? fail('a section is missing');
  const protocol = section(1);
  if (protocol.length !== 4 || view.getUint32(protocol.start, true) !== 1) fail('another protocol than Groth16');
  const { start, length } = section(2);
  if (length !== HEADER_BYTES || readElement(view, start + 40) !== FIELD_ORDER) fail('another curve than BN254');
  const point = (at: number, length = G2_BYTES): Uint8Array => bytes.subarray(start + at, start + at + length);
  const signals = view.getUint32(start + 76, true);
  const inputs = section(3);
  if (inputs.length !== (signals + 1) * G1_BYTES) fail('another number of points than it has signals');
  const verifying = [point(ALPHA_AT, G1_BYTES), point(BETA_AT), point(GAMMA_AT), point(DELTA_AT)];
  const inputPoints = Array.from({ length: signals + 1 }, (_, i) => {
    const at = inputs.start + i * G1_BYTES;
    return bytes.subarray(at, at + G1_BYTES);
  });
  return {
    signals,
    hasOwnDelta: point(GAMMA_AT).some((byte, i) => byte !== point(DELTA_AT)[i]),
    ...contributionsOf(bytes, view, section(10), fail),
    verifyingKey: Buffer.concat([...verifying, ...inputPoints].map(plainPoint)),
    insecure: sections.has(INSECURE_SECTION),
  };
}

function contributionsOf(
  bytes: Uint8Array,
  view: DataView,
  { start, length }: Section,
  fail: (fault: string) => never,
): Pick<KeyDescription, 'contributions' | 'circuitHash'> {
  const end = start + length;
  let at = start;
  const take = (count: number): Uint8Array => {
    if (at + count > end) fail('its contributions end within one');
    at += count;
    return bytes.subarray(at - count, at);
  };
  const u32 = (): number => {
    take(4);
    return view.getUint32(at - 4, true);
  };
  // A slice of a Buffer would hold the whole file.
  const circuitHash = Uint8Array.from(take(HASH_BYTES));
  const count = u32();
  if (count > MOST_CONTRIBUTIONS) fail('more contributions than anybody asks for');
  const contributions = Array.from({ length: count }, (): Contribution => {
    const hash = contributionHash(take(CONTRIBUTION_BYTES));
    const kind = u32() === 1 ? 'beacon' : 'contribution';
    const parameters = parametersOf(take(u32()), fail);
    const name = new TextDecoder().decode(parameters.get(NAME));
    if (kind === 'contribution') return { kind, name, hash };
    const [iterations = 0] = parameters.get(ITERATIONS) ?? [];
    return { kind, name, hash, beacon: { value: parameters.get(BEACON) ?? new Uint8Array(0), iterations } };
  });
  if (at !== end) fail('bytes behind its contributions');
  return { contributions, circuitHash };
}

const NAME = 1;
const ITERATIONS = 2;
const BEACON = 3;

/** Each is a number, and the iterations a byte, the others a length and so many bytes. snarkjs has them in ascending order. */
function parametersOf(bytes: Uint8Array, fail: (fault: string) => never): ReadonlyMap<number, Uint8Array> {
  const parameters = new Map<number, Uint8Array>();
  let last = 0;
  for (let at = 0; at < bytes.length; ) {
    const number = bytes[at] ?? 0;
    if (number <= last || number > BEACON) fail('a contribution has other parameters');
    last = number;
    const start = number === ITERATIONS ? at + 1 : at + 2;
    const length = number === ITERATIONS ? 1 : (bytes[at + 1] ?? 0);
    if (start + length > bytes.length) fail('its contributions end within one');
    parameters.set(number, Uint8Array.from(bytes.subarray(start, start + length)));
    at = start + length;
  }
  return parameters;
}

const COORDINATE_BYTES = 32;
const { Fp } = bn254.fields;
/** Files have coordinates times 2^256. */
const MONTGOMERY = Fp.inv(Fp.create(1n << 256n));

/** A point as `points.ts` has it: coordinates big-endian, of an element of the quadratic extension the imaginary part first. */
function plainPoint(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const order = bytes.length === G1_BYTES ? [0, 1] : [1, 0, 3, 2];
  return Buffer.concat(
    order.map((i) => Fp.toBytes(Fp.mul(Fp.create(readElement(view, i * COORDINATE_BYTES)), MONTGOMERY))),
  );
}

/** snarkjs hashes points as they are written elsewhere. */
function contributionHash(bytes: Uint8Array): Uint8Array {
  // deltaAfter, g1_s, g1_sx and g2_spx.
  const points = [0, G1_BYTES, 2 * G1_BYTES].map((at) => bytes.subarray(at, at + G1_BYTES));
  const written = [...points, bytes.subarray(3 * G1_BYTES, POINTS_BYTES)].map(plainPoint);
  return createHash('blake2b512').update(Buffer.concat(written)).update(bytes.subarray(POINTS_BYTES)).digest();
}
