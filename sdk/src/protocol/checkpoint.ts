import { KarmeshError } from '../errors.ts';
import type { Signer } from '../signer.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { fromHex, toHex } from './bytes.ts';
import type { Hash } from './hash.ts';
import type { Domain } from './header.ts';
import type { Participant } from './ids.ts';
import { type Identity, type VerifySignature, verifySignature } from './signature.ts';
import { findSignature, formatNote, noteKeyId, parseNote, type SignedNote } from './signedNote.ts';
import { EMPTY_ROOT, MAX_LOG_SIZE } from './transparencyTree.ts';

/** What a log says of itself: how many leaves it has, and their root. */
export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Hash };

/** G-04: whose log it is. It stands first in everything that is signed, so that a checkpoint of another cluster or gateway never holds. */
export type LogOrigin = { readonly domain: Domain; readonly gateway: Participant };

const ORIGIN = /^karmesh\.log\/([0-9a-f]{64})\/([0-9a-f]{64})$/;

export function formatOrigin({ domain, gateway }: LogOrigin): string {
  return `karmesh.log/${toHex(domain)}/${toHex(gateway)}`;
}

/** Undefined for the origin of any other log. */
export function parseOrigin(origin: string): LogOrigin | undefined {
  const [, domain, gateway] = ORIGIN.exec(origin) ?? [];
  return domain === undefined || gateway === undefined
    ? undefined
    : { domain: fromHex(domain), gateway: fromHex(gateway) };
}

/** G-05 (c2sp.org/tlog-checkpoint): three lines, what a gateway and validators sign. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** Throws `CODEC` unless `formatCheckpoint` writes this text; extension lines, which nobody could check, are none. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const [origin, digits, base64] = lines;
  const size = /^(?:0|[1-9][0-9]{0,15})$/.test(digits ?? '') ? Number(digits) : Number.NaN;
  if (lines.length !== 4 || lines[3] !== '' || !origin || base64 === undefined || !(size <= MAX_LOG_SIZE))
    throw new KarmeshError('CODEC', 'A text is no checkpoint of a log.');
  const root = fromBase64(base64);
  if (root.length !== EMPTY_ROOT.length)
    throw new KarmeshError('CODEC', 'The root of a checkpoint has the wrong length.', { length: root.length });
  return { origin, size, root };
}

/** The checkpoint as a note with the gateway's signature. */
export function signCheckpoint(signer: Signer, checkpoint: Checkpoint): SignedNote {
  const text = formatCheckpoint(checkpoint);
  const key = { name: checkpoint.origin, identity: signer.publicKey };
  const bytes = signer.sign(new TextEncoder().encode(text));
  return { text, signatures: [{ name: key.name, keyId: noteKeyId(key, 'ed25519'), bytes }] };
}

/** What a note says, if it is a checkpoint of this log that this identity signed. */
export function checkCheckpoint(
  note: SignedNote,
  log: { readonly origin: string; readonly identity: Identity; readonly verify?: VerifySignature },
): Checkpoint | undefined {
  const { origin, identity, verify = verifySignature } = log;
  const signature = findSignature(note, { name: origin, identity }, 'ed25519')?.bytes;
  const message = new TextEncoder().encode(note.text);
  if (signature === undefined || !verify({ message, signature, identity })) return undefined;
  const checkpoint = tryParse(() => parseCheckpoint(note.text));
  return checkpoint?.origin === origin ? checkpoint : undefined;
}

/** A note from a peer or a file, with the checkpoint in it; undefined for any other text. Whether it is signed is another question. */
export function readCheckpoint(
  text: string,
): { readonly note: SignedNote; readonly checkpoint: Checkpoint } | undefined {
  return tryParse(() => {
    const note = parseNote(text);
    // A checkpoint has one form in bytes.
    return formatNote(note) === text ? { note, checkpoint: parseCheckpoint(note.text) } : undefined;
  });
}

function tryParse<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'CODEC') return undefined;
    throw error;
  }
}
