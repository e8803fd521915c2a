import { FIELD_ORDER, readElement } from '../r1cs/r1csFile.ts';
import { readSections, type Section } from '../r1cs/sections.ts';

/** One step of a key's second phase. */
export interface Contribution {
  /** A beacon is a contribution out of public randomness, which ends a ceremony. */
  readonly kind: 'contribution' | 'beacon';
  /** What the contributor called itself; nobody has checked it. */
  readonly name: string;
}

/** What a .zkey file says of itself. */
export interface KeyDescription {
  readonly signals: number;
  /** Whether anything went into delta since the key began: without, everybody can forge (Z-20). */
  readonly hasOwnDelta: boolean;
  readonly contributions: readonly Contribution[];
  /** snarkjs’ hash of the key before its contributions: it depends on the constraints, weights included, and on the powers of tau. */
  readonly circuitHash: Uint8Array;
  /** Whether it says that it is an INSECURE DEVELOPMENT KEY. */
  readonly insecure: boolean;
}

const HEADER_BYTES = 84 + 64 + 64 + 128 + 128 + 64 + 128;
const GAMMA_AT = 84 + 64 + 64 + 128;
const DELTA_AT = GAMMA_AT + 128 + 64;
const HASH_BYTES = 64;
/** Points of a contribution and the hash of what came before. */
const CONTRIBUTION_BYTES = 64 + 64 + 64 + 128 + 64;
const INSECURE_SECTION = 11;
const MOST_CONTRIBUTIONS = 1024;

/** Reads what a Groth16 .zkey file over BN254 says of itself; it checks no point. Throws `FILE_INVALID`. */
export function inspectKey(bytes: Uint8Array): KeyDescription {
  const { view, sections, fail } = readSections(bytes, { kind: 'zkey', version: 1 });
  const section = (id: number): Section => sections.get(id) ?? fail('a section is missing');
  const protocol = section(1);
  if (protocol.length !== 4 || view.getUint32(protocol.start, true) !== 1) fail('another protocol than Groth16');
  const { start, length } = section(2);
  if (length !== HEADER_BYTES || readElement(view, start + 40) !== FIELD_ORDER) fail('another curve than BN254');
  const point = (at: number): Uint8Array => bytes.subarray(start + at, start + at + 128);
  return {
    signals: view.getUint32(start + 76, true),
    hasOwnDelta: point(GAMMA_AT).some((byte, i) => byte !== point(DELTA_AT)[i]),
    ...contributionsOf(bytes, view, section(10), fail),
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
  const circuitHash = take(HASH_BYTES).slice();
  const count = u32();
  if (count > MOST_CONTRIBUTIONS) fail('more contributions than anybody asks for');
  const contributions = Array.from({ length: count }, (): Contribution => {
    take(CONTRIBUTION_BYTES);
    const kind = u32() === 1 ? 'beacon' : 'contribution';
    const parameters = take(u32());
    // Parameters are a number, a length and so many bytes each; 1 is the name, and it stands first.
    const name = parameters[0] === 1 ? parameters.subarray(2, 2 + (parameters[1] ?? 0)) : new Uint8Array(0);
    return { kind, name: new TextDecoder().decode(name) };
  });
  if (at !== end) fail('bytes behind its contributions');
  return { contributions, circuitHash };
}
