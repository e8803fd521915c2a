import type { Signer } from '../signer.ts';
import { concatBytes, toHex } from './bytes.ts';
import type { Participant } from './ids.ts';
import { type VerifySignature, verifySignature } from './signature.ts';
import { findSignature, type NoteKey, type NoteSignature, noteKeyId, type SignedNote } from './signedNote.ts';

const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;
const MAX_TIME = (1n << 63n) - 1n;

/** G-06: under which name a validator cosigns. */
export function cosignerName(validator: Participant): string {
  return `karmesh.cosigner/${toHex(validator)}`;
}

/** G-06 (c2sp.org/tlog-cosignature, version 1): what a cosigner signs, with the time in Unix seconds. */
function cosignedMessage(text: string, seconds: bigint): Uint8Array {
  return new TextEncoder().encode(`cosignature/v1\ntime ${seconds}\n${text}`);
}

/** Says that the log of this checkpoint only grew, as far as the signer has seen it by this time. */
export function cosign(
  signer: Signer,
  what: { readonly name: string; readonly text: string; readonly seconds: bigint },
): NoteSignature {
  const { name, text, seconds } = what;
  const time = new Uint8Array(TIME_BYTES);
  new DataView(time.buffer).setBigUint64(0, seconds);
  const bytes = concatBytes(time, signer.sign(cosignedMessage(text, seconds)));
  return { name, keyId: noteKeyId({ name, identity: signer.publicKey }, 'cosignature'), bytes };
}

/** When this key cosigned a note, in Unix seconds; undefined if it did not. */
export function checkCosignature(
  note: SignedNote,
  key: NoteKey & { readonly verify?: VerifySignature },
): bigint | undefined {
  const bytes = findSignature(note, key, 'cosignature')?.bytes;
  if (bytes?.length !== TIME_BYTES + SIGNATURE_BYTES) return undefined;
  const seconds = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  if (seconds === 0n || seconds > MAX_TIME) return undefined;
  const { identity, verify = verifySignature } = key;
  const message = cosignedMessage(note.text, seconds);
  return verify({ message, signature: bytes.slice(TIME_BYTES), identity }) ? seconds : undefined;
}

/** Those of `keys` who cosigned a note, each once. */
export function cosignersOf<K extends NoteKey>(
  note: SignedNote,
  keys: readonly K[],
  options: { readonly verify?: VerifySignature } = {},
): readonly K[] {
  const names = new Set<string>();
  return keys.filter((key) => {
    if (names.has(key.name) || checkCosignature(note, { ...key, ...options }) === undefined) return false;
    names.add(key.name);
    return true;
  });
}
