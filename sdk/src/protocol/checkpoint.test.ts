import { readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { expect, test } from 'vitest';
import type { Signer } from '../signer.ts';
import { fromHex, toHex } from './bytes.ts';
import {
  checkCheckpoint,
  formatCheckpoint,
  formatOrigin,
  parseCheckpoint,
  parseOrigin,
  readCheckpoint,
  signCheckpoint,
} from './checkpoint.ts';
import { checkCosignature, cosign, cosignerName, cosignersOf } from './cosignature.ts';
import { formatNote, parseNote } from './signedNote.ts';
import { MAX_LOG_SIZE } from './transparencyTree.ts';

interface Vectors {
  readonly checkpoint: {
    readonly domain: string;
    readonly gateway: string;
    readonly identity: string;
    readonly seed: string;
    readonly origin: string;
    readonly size: number;
    readonly root: string;
    readonly note: string;
  };
  readonly cosignature: {
    readonly validator: string;
    readonly identity: string;
    readonly seed: string;
    readonly name: string;
    readonly seconds: string;
    readonly note: string;
  };
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../../../test/vectors/log.json', import.meta.url), 'utf8'));
const { checkpoint: pinned, cosignature } = vectors;
const origin = { domain: fromHex(pinned.domain), gateway: fromHex(pinned.gateway) };
const identity = fromHex(pinned.identity);
const witness = { name: cosignature.name, identity: fromHex(cosignature.identity) };

const signerOf = (seed: string): Signer => ({
  publicKey: ed25519.getPublicKey(fromHex(seed)),
  sign: (message) => ed25519.sign(message, fromHex(seed)),
});

test('G-04, G-05: a gateway’s checkpoint has the bytes of the Python implementation, and reads as what it says', () => {
  const checkpoint = { origin: pinned.origin, size: pinned.size, root: fromHex(pinned.root) };
  expect(formatOrigin(origin)).toBe(pinned.origin);
  expect(parseOrigin(pinned.origin)).toEqual(origin);
  const note = signCheckpoint(signerOf(pinned.seed), checkpoint);
  expect(formatNote(note)).toBe(pinned.note);
  expect(parseNote(pinned.note)).toEqual(note);
  expect(checkCheckpoint(note, { origin: pinned.origin, identity })).toEqual(checkpoint);
  expect(readCheckpoint(pinned.note)).toEqual({ note, checkpoint });
  expect(formatCheckpoint(parseCheckpoint(note.text))).toBe(note.text);
});

test('G-06: a validator’s cosignature has the bytes of the Python implementation, and counts once', () => {
  const note = parseNote(pinned.note);
  const name = cosignerName(fromHex(cosignature.validator));
  expect(name).toBe(cosignature.name);
  const seconds = BigInt(cosignature.seconds);
  const signed = cosign(signerOf(cosignature.seed), { name, text: note.text, seconds });
  const cosigned = { ...note, signatures: [...note.signatures, signed] };
  expect(formatNote(cosigned)).toBe(cosignature.note);
  expect(checkCosignature(cosigned, witness)).toBe(seconds);
  expect(checkCheckpoint(cosigned, { origin: pinned.origin, identity })?.size).toBe(pinned.size);
  const stranger = { name: cosignerName(new Uint8Array(32)), identity: witness.identity };
  expect(cosignersOf(cosigned, [witness, witness, stranger])).toEqual([witness]);
  expect(cosignersOf(note, [witness])).toEqual([]);
  // Neither kind of signature is taken for the other.
  expect(checkCosignature(note, { name: pinned.origin, identity })).toBeUndefined();
});

test('no byte of a cosigned checkpoint can be another', () => {
  const bytes = new TextEncoder().encode(cosignature.note);
  const holds = (text: string): boolean => {
    const read = readCheckpoint(text);
    if (read === undefined) return false;
    return (
      checkCheckpoint(read.note, { origin: pinned.origin, identity }) !== undefined &&
      checkCosignature(read.note, witness) !== undefined
    );
  };
  expect(holds(cosignature.note)).toBe(true);
  for (let at = 0; at < bytes.length; at++) {
    const other = bytes.slice();
    other[at] = (other[at] ?? 0) ^ (at % 2 === 0 ? 0x01 : 0x20);
    expect([at, holds(new TextDecoder().decode(other))]).toEqual([at, false]);
    const shorter = new TextDecoder().decode(Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + 1)]));
    expect([at, holds(shorter)]).toEqual([at, false]);
  }
});

test('a checkpoint of another log, key, time or size does not hold', () => {
  const signer = signerOf(pinned.seed);
  const checkpoint = { origin: pinned.origin, size: pinned.size, root: fromHex(pinned.root) };
  const other = formatOrigin({ ...origin, gateway: new Uint8Array(32).fill(9) });
  const note = signCheckpoint(signer, checkpoint);
  expect(checkCheckpoint(note, { origin: other, identity })).toBeUndefined();
  expect(checkCheckpoint(note, { origin: pinned.origin, identity: witness.identity })).toBeUndefined();
  // Another log's text under a signature that names this one.
  const strange = signCheckpoint(signer, { ...checkpoint, origin: other });
  const renamed = { ...strange, signatures: strange.signatures.map((one) => ({ ...one, ...nameOf(note) })) };
  expect(checkCheckpoint(renamed, { origin: pinned.origin, identity })).toBeUndefined();
  const witnessSigner = signerOf(cosignature.seed);
  for (const [seconds, holds] of [
    [0n, undefined],
    [1n, 1n],
    [2n ** 63n - 1n, 2n ** 63n - 1n],
    [2n ** 63n, undefined],
  ] as const) {
    const signature = cosign(witnessSigner, { name: witness.name, text: note.text, seconds });
    expect(checkCosignature({ ...note, signatures: [signature] }, witness)).toBe(holds);
  }
  const signed = cosign(witnessSigner, { name: witness.name, text: note.text, seconds: 5n });
  const cut = { ...signed, bytes: signed.bytes.slice(0, -1) };
  expect(checkCosignature({ ...note, signatures: [cut] }, witness)).toBeUndefined();
});

const nameOf = ({ signatures: [first] }: ReturnType<typeof signCheckpoint>) =>
  first === undefined ? {} : { name: first.name, keyId: first.keyId };

test('what is not a note or a checkpoint in its one form is none', () => {
  const text = parseNote(pinned.note).text;
  const [first = '', size = '', root = ''] = text.split('\n');
  const line = pinned.note.slice(text.length + 1);
  const none = [
    '',
    text,
    pinned.note.slice(0, -1),
    `${pinned.note}\n`,
    pinned.note.replaceAll('\n', '\r\n'),
    `${first}\n08\n${root}\n\n${line}`,
    `${first}\n-1\n${root}\n\n${line}`,
    `${first}\n${MAX_LOG_SIZE + 1}\n${root}\n\n${line}`,
    `\n${size}\n${root}\n\n${line}`,
    `${first}\n${size}\n${root}\nmore\n\n${line}`,
    `${first}\n${size}\n\n${line}`,
    `${first}\n${size}\n${root.slice(0, -4)}\n\n${line}`,
    `${first}\n${size}\n${root.replace('=', '')}\n\n${line}`,
    `${text}\n${line.replace('—', '-')}`,
    `${text}\n${line.replace('— ', '—  ')}`,
    `${text}\n— a+b AAAAAAA=\n`,
    `${text}\n— name AAAAAA==\n`,
    `${text}\n${line.repeat(257)}`,
    `${text}\n— ${'n'.repeat(70_000)} AAAAAAA=\n`,
    `${text}\n— \ud800 AAAAAAA=\n`,
  ];
  expect(none.map(readCheckpoint)).toEqual(none.map(() => undefined));
  expect(readCheckpoint(`${text}\n`)?.note.signatures).toEqual([]);
  expect(readCheckpoint(`${text}\n— name AAAAAAA=\n`)?.note.signatures).toHaveLength(1);
  expect(parseOrigin(pinned.origin.toUpperCase())).toBeUndefined();
  expect(parseOrigin(`${pinned.origin}/`)).toBeUndefined();
  expect(toHex(parseCheckpoint(`x\n${MAX_LOG_SIZE}\n${root}\n`).root)).toBe(pinned.root);
});
