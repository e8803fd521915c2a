import { describe, expect, test } from 'vitest';
import { frameReader } from './frameReader.ts';

function framed(...bodies: readonly (readonly number[])[]): Uint8Array {
  const out: number[] = [];
  for (const body of bodies) out.push(body.length & 0xff, body.length >> 8, 0, 0, ...body);
  return Uint8Array.from(out);
}

test('frames come out whole however the bytes arrive', () => {
  const bytes = framed([1], [2, 3, 4], [5, 6]);
  for (let first = 0; first <= bytes.length; first += 1) {
    for (let second = first; second <= bytes.length; second += 1) {
      const reader = frameReader({ maxFrameBytes: 8 });
      const frames: number[][] = [];
      for (const chunk of [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]) {
        reader.push(chunk);
        for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push([...frame]);
      }
      expect(frames).toEqual([[1], [2, 3, 4], [5, 6]]);
      expect(reader.buffered).toBe(0);
    }
  }
});

test('a chunk that its owner reuses changes no frame', () => {
  const reader = frameReader({ maxFrameBytes: 8 });
  const chunk = framed([1, 2]);
  reader.push(chunk);
  chunk.fill(9);
  expect(reader.next()).toEqual(Uint8Array.of(1, 2));
});

test('single bytes of a large frame are held in one buffer', () => {
  const reader = frameReader({ maxFrameBytes: 100_000 });
  const header = new Uint8Array(4);
  new DataView(header.buffer).setUint32(0, 100_000, true);
  reader.push(header);
  for (let index = 0; index < 100_000; index += 1) reader.push(Uint8Array.of(index & 0xff));
  expect(reader.ready).toBe(true);
  const frame = reader.next();
  expect([frame?.length, frame?.[99_999]]).toEqual([100_000, 99_999 & 0xff]);
});

describe('bounds', () => {
  test('a length over the limit is refused as soon as its four bytes are there', () => {
    const reader = frameReader({ maxFrameBytes: 8 });
    reader.push(Uint8Array.of(9, 0, 0));
    expect(() => reader.push(Uint8Array.of(0))).toThrowError(
      expect.objectContaining({ code: 'MESSAGE_TOO_LARGE', facts: { bytes: 9, maxFrameBytes: 8 } }),
    );
  });

  test('the largest length that four bytes can name is refused too', () => {
    const reader = frameReader({ maxFrameBytes: 2 ** 20 });
    expect(() => reader.push(new Uint8Array(4).fill(255))).toThrowError(
      expect.objectContaining({ facts: { bytes: 4_294_967_295, maxFrameBytes: 1_048_576 } }),
    );
  });

  test('an empty frame is refused', () => {
    const reader = frameReader({ maxFrameBytes: 8 });
    expect(() => reader.push(new Uint8Array(4))).toThrowError(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
  });

  test('a bad length behind a good frame is refused once that frame is taken', () => {
    const reader = frameReader({ maxFrameBytes: 8 });
    reader.push(Uint8Array.of(...framed([1]), 99, 0, 0, 0));
    expect(reader.next()).toEqual(Uint8Array.of(1));
    expect(() => reader.next()).toThrowError(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));
  });
});

test('no protocol takes frames over the 50 MB of a message', () => {
  frameReader({ maxFrameBytes: 50_000_000 });
  expect(() => frameReader({ maxFrameBytes: 50_000_001 })).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT' }),
  );
});
