import { KarmeshError } from '../errors.ts';
import { maxMessageBytes } from './limits.ts';

const headerBytes = 4;
const smallBytes = 65_536;

export type FrameReader = {
  /** Bytes held that `next` has not returned. */
  readonly buffered: number;
  /** Whether `next` would return a frame. */
  readonly ready: boolean;
  /**
   * Takes received bytes, which are copied.
   *
   * @throws KarmeshError `MESSAGE_TOO_LARGE` or `PROTOCOL_VIOLATION` as soon as the next frame's length shows it, before
   * anything of that length is allocated.
   */
  push(chunk: Uint8Array): void;
  /** The next whole frame. */
  next(): Uint8Array | undefined;
};

/**
 * Cuts received bytes into frames: a u32 length, little-endian, and that many bytes, at least one. What it holds is bounded by what
 * arrived, never by what a length claims, and lies in one buffer, so that a peer that sends single bytes costs single bytes.
 */
export const frameReader = ({ maxFrameBytes }: { readonly maxFrameBytes: number }): FrameReader => {
  if (maxFrameBytes > maxMessageBytes)
    throw new KarmeshError('BAD_ARGUMENT', 'A frame may be as large as a message at most.', {
      maxFrameBytes,
      maxMessageBytes,
    });
  let buffer = new Uint8Array(0);
  let start = 0;
  let end = 0;

  const headLength = (): number | undefined => {
    if (end - start < headerBytes) return undefined;
    const length = new DataView(buffer.buffer, start, headerBytes).getUint32(0, true);
    if (length > maxFrameBytes) {
      const facts = { bytes: length, maxFrameBytes };
      throw new KarmeshError('MESSAGE_TOO_LARGE', 'The peer announced a frame over the limit.', facts);
    }
    if (length === 0) throw new KarmeshError('PROTOCOL_VIOLATION', 'The peer sent an empty frame.');
    return length;
  };
  const isReady = (): boolean => {
    const length = headLength();
    return length !== undefined && end - start >= headerBytes + length;
  };

  return {
    get buffered() {
      return end - start;
    },
    get ready() {
      return isReady();
    },
    push: (chunk) => {
      const held = end - start;
      if (end + chunk.length > buffer.length) {
        const needed = held + chunk.length;
        const target = needed > buffer.length ? new Uint8Array(Math.max(2 * needed, 1024)) : buffer;
        target.set(buffer.subarray(start, end));
        buffer = target;
        start = 0;
        end = held;
      }
      buffer.set(chunk, end);
      end += chunk.length;
      headLength();
    },
    next: () => {
      const length = headLength();
      if (length === undefined || end - start < headerBytes + length) return undefined;
      const from = start + headerBytes;
      const frame = buffer.slice(from, from + length);
      start = from + length;
      if (start === end) {
        start = 0;
        end = 0;
        if (buffer.length > smallBytes) buffer = new Uint8Array(0);
      }
      return frame;
    },
  };
};
