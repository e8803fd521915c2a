import { sha256 } from '@noble/hashes/sha2.js';
import { KarmeshError } from '../errors.ts';
import { equalBytes, toHex } from '../protocol/bytes.ts';
import { decode, encode, oneOf, struct, u32 } from '../protocol/codec.ts';
import { type Hash, hashCodec } from '../protocol/hash.ts';
import type { FrameStream } from './frameStream.ts';
import { maxMessageBytes } from './limits.ts';

/** The most that a body may have, and so that a fetch may ask for. */
export const maxBodyBytes = maxMessageBytes;
/** Bytes of one frame of `/karmesh/fetch/1`. */
export const fetchFrameBytes = 65_536;

const askCodec = struct({ hash: hashCodec, maxBytes: u32 });
const answerCodec = struct({ status: oneOf(['found', 'missing', 'tooLarge']), bytes: u32 });

/** A body by its SHA-256, or undefined when we do not have it. */
export type Lookup = (hash: Hash, options: { readonly signal: AbortSignal }) => Promise<Uint8Array | undefined>;

/**
 * Asks over an open stream of `/karmesh/fetch/1` for the body with a SHA-256. Frames: the ask (hash, u32 most bytes), the answer
 * (status, u32 size), then the body in pieces of at most 65,536 bytes.
 *
 * @throws KarmeshError `PEER_UNREACHABLE` when the peer does not have it, `MESSAGE_TOO_LARGE`, or `PROTOCOL_VIOLATION` when what it sent
 * is not that body.
 */
export async function fetchOver(
  stream: FrameStream,
  { hash, maxBytes }: { readonly hash: Hash; readonly maxBytes: number },
  options: { readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const facts = { hash: toHex(hash) };
  await stream.send(encode(askCodec, { hash, maxBytes }), options);
  const first = await stream.receive(options);
  if (first === undefined)
    throw new KarmeshError('PROTOCOL_VIOLATION', 'The peer closed the stream without an answer.', facts);
  const { status, bytes } = decodeAnswer(first);
  if (status === 'missing') throw new KarmeshError('PEER_UNREACHABLE', 'The peer does not have this body.', facts);
  if (status === 'tooLarge' || bytes > maxBytes) {
    throw new KarmeshError('MESSAGE_TOO_LARGE', 'The body is over the limit of this fetch.', {
      ...facts,
      bytes,
      maxBytes,
    });
  }
  // Grown by what arrives: a peer that claims a size and sends nothing costs nothing.
  const pieces: Uint8Array[] = [];
  const digest = sha256.create();
  let received = 0;
  while (received < bytes) {
    const piece = await stream.receive(options);
    if (piece === undefined) {
      throw new KarmeshError('PROTOCOL_VIOLATION', 'The body ended early.', { ...facts, bytes, received });
    }
    received += piece.length;
    // All pieces but the last are full, so that a body cannot come as millions of tiny arrays.
    if (received > bytes || (received < bytes && piece.length !== fetchFrameBytes)) {
      throw new KarmeshError('PROTOCOL_VIOLATION', 'A piece of the body has the wrong size.', {
        ...facts,
        bytes,
        received,
      });
    }
    digest.update(piece);
    pieces.push(piece);
  }
  if (!equalBytes(digest.digest(), hash)) {
    throw new KarmeshError('PROTOCOL_VIOLATION', 'The body is not the one that was asked for.', { ...facts, bytes });
  }
  await stream.close();
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

/** Answers one ask on a stream of `/karmesh/fetch/1`. */
export async function serveOver(stream: FrameStream, lookup: Lookup): Promise<void> {
  const options = { signal: stream.signal };
  const ask = await stream.receive(options);
  if (ask === undefined) return;
  const { hash, maxBytes } = decode(askCodec, ask);
  const body = await lookup(hash, options);
  if (body === undefined) {
    await stream.send(encode(answerCodec, { status: 'missing', bytes: 0 }), options);
    return;
  }
  if (body.length > maxBytes || body.length > maxBodyBytes) {
    await stream.send(encode(answerCodec, { status: 'tooLarge', bytes: Math.min(body.length, 2 ** 32 - 1) }), options);
    return;
  }
  await stream.send(encode(answerCodec, { status: 'found', bytes: body.length }), options);
  for (let at = 0; at < body.length; at += fetchFrameBytes) {
    await stream.send(body.subarray(at, at + fetchFrameBytes), options);
  }
}

function decodeAnswer(frame: Uint8Array): {
  readonly status: 'found' | 'missing' | 'tooLarge';
  readonly bytes: number;
} {
  try {
    return decode(answerCodec, frame);
  } catch (cause) {
    throw new KarmeshError('PROTOCOL_VIOLATION', 'The answer to a fetch is malformed.', { bytes: frame.length }, cause);
  }
}
