import { KarmeshError } from '../errors.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { concatBytes, equalBytes } from './bytes.ts';
import { hash } from './hash.ts';
import type { Identity } from './signature.ts';

/** A text and who signed it (c2sp.org/signed-note). The text ends with a newline; names and keys are the reader's to know. */
export type SignedNote = { readonly text: string; readonly signatures: readonly NoteSignature[] };

/** `keyId` has four bytes and says, with the name, which key of which kind it is; `bytes` are what that kind of key makes. */
export type NoteSignature = { readonly name: string; readonly keyId: Uint8Array; readonly bytes: Uint8Array };

/** Who may have signed a note, under which name. */
export type NoteKey = { readonly name: string; readonly identity: Identity };

/** The byte by which a key id tells what a key signs: a note's text, or a cosignature of a checkpoint. */
export const NOTE_KEY_TYPE = { ed25519: 1, cosignature: 4 } as const;

/** Characters of a note, and signatures under it: far more validators than any cluster has. */
export const MAX_NOTE_LENGTH = 65_536;
const MAX_SIGNATURES = 256;
const KEY_ID_BYTES = 4;

const encoder = new TextEncoder();

/** `H(name || "\n" || type || public key)`, of which the first four bytes. */
export function noteKeyId({ name, identity }: NoteKey, type: keyof typeof NOTE_KEY_TYPE): Uint8Array {
  const named = concatBytes(encoder.encode(`${name}\n`), new Uint8Array([NOTE_KEY_TYPE[type]]), identity);
  return hash(named).slice(0, KEY_ID_BYTES);
}

/** The signature under a note that says it is of this key; whether it holds is another question. */
export function findSignature(
  note: Pick<SignedNote, 'signatures'>,
  key: NoteKey,
  type: keyof typeof NOTE_KEY_TYPE,
): NoteSignature | undefined {
  const keyId = noteKeyId(key, type);
  return note.signatures.find((one) => one.name === key.name && equalBytes(one.keyId, keyId));
}

export function formatNote({ text, signatures }: SignedNote): string {
  return `${text}\n${signatures.map(formatSignature).join('')}`;
}

/** One line of a note, with its newline. */
function formatSignature({ name, keyId, bytes }: NoteSignature): string {
  return `— ${name} ${toBase64(concatBytes(keyId, bytes))}\n`;
}

/** Reads a note, which may have no signature yet. Throws `CODEC` for anything that `formatNote` would write otherwise. */
export function parseNote(note: string): SignedNote {
  if (note.length > MAX_NOTE_LENGTH)
    throw new KarmeshError('CODEC', 'A note is longer than its maximum.', {
      length: note.length,
      max: MAX_NOTE_LENGTH,
    });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a note must not have.
  if (!note.isWellFormed() || /[\u0000-\u0009\u000b-\u001f]/.test(note)) throw malformed();
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) throw malformed();
  const lines = note
    .slice(end + 2)
    .split('\n')
    .slice(0, -1);
  if (lines.length > MAX_SIGNATURES)
    throw new KarmeshError('CODEC', 'A note has too many signatures.', {
      signatures: lines.length,
      max: MAX_SIGNATURES,
    });
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [, name, base64] = /^— ([^\s+]+) (\S+)$/u.exec(line) ?? [];
  if (name === undefined || base64 === undefined) throw malformed();
  const bytes = fromBase64(base64);
  if (bytes.length <= KEY_ID_BYTES) throw malformed();
  return { name, keyId: bytes.slice(0, KEY_ID_BYTES), bytes: bytes.slice(KEY_ID_BYTES) };
}

function malformed(): KarmeshError {
  return new KarmeshError('CODEC', 'A text is no signed note.');
}
