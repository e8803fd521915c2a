import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KarmeshError } from '../errors.ts';
import { decodeAuditFrame, encodeAuditFrame } from './auditFrames.ts';
import { fromHex, toHex } from './bytes.ts';
import { plainValue } from './fixtures/plainValue.ts';
import { decodeInferFrame, encodeInferFrame } from './inferFrames.ts';

interface Row {
  readonly frame: { readonly type: string };
  readonly encoded: string;
}
const vectors: { readonly infer: readonly Row[]; readonly audit: readonly Row[] } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/frames.json', import.meta.url), 'utf8'),
);

test.each(vectors.infer)('W-04: $frame.type', ({ frame, encoded }) => {
  const decoded = decodeInferFrame(fromHex(encoded));
  expect(plainValue(decoded)).toEqual(frame);
  expect(toHex(encodeInferFrame(decoded))).toBe(encoded);
});

test.each(vectors.audit)('U-10: $frame.type', ({ frame, encoded }) => {
  const decoded = decodeAuditFrame(fromHex(encoded));
  expect(plainValue(decoded)).toEqual(frame);
  expect(toHex(encodeAuditFrame(decoded))).toBe(encoded);
});

test('W-04: the vectors hold every type of frame', () => {
  expect(new Set(vectors.infer.map(({ frame }) => frame.type)).size).toBe(11);
  expect(new Set(vectors.audit.map(({ frame }) => frame.type)).size).toBe(3);
});

/** `CODEC` if the frame is refused, `ok` if it decodes and encodes to the same bytes again. */
function outcome(codec: { decode(bytes: Uint8Array): Uint8Array }, bytes: Uint8Array): string {
  try {
    return toHex(codec.decode(bytes)) === toHex(bytes) ? 'ok' : 'encodes to other bytes';
  } catch (error) {
    return error instanceof KarmeshError ? error.code : `not ours: ${error}`;
  }
}
const protocols = [
  { rows: vectors.infer, decode: (bytes: Uint8Array) => encodeInferFrame(decodeInferFrame(bytes)) },
  { rows: vectors.audit, decode: (bytes: Uint8Array) => encodeAuditFrame(decodeAuditFrame(bytes)) },
];

/** A generator with a fixed seed (mulberry32), so that a failure repeats. */
function randomBytes(seed: number): (length: number) => Uint8Array {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) & 0xff;
  };
  return (length) => Uint8Array.from({ length }, next);
}

test('W-04, U-10: random bytes are refused with CODEC, or are exactly one frame', () => {
  const random = randomBytes(1);
  for (const protocol of protocols) {
    const outcomes = new Set<string>();
    for (let i = 0; i < 4000; i++) {
      const bytes = random(i % 200);
      if (bytes.length > 0) bytes[0] = (bytes[0] ?? 0) % 12;
      outcomes.add(outcome(protocol, bytes));
    }
    outcomes.delete('ok');
    expect([...outcomes]).toEqual(['CODEC']);
  }
});

test('W-04, U-10: a frame with any byte changed, cut or doubled is refused with CODEC, or is another frame with one form', () => {
  for (const protocol of protocols) {
    for (const { encoded } of protocol.rows) {
      const bytes = fromHex(encoded);
      const outcomes = new Set<string>();
      for (let i = 0; i < bytes.length; i++) {
        outcomes.add(
          outcome(
            protocol,
            bytes.map((byte, at) => (at === i ? byte ^ 0xff : byte)),
          ),
        );
        outcomes.add(outcome(protocol, bytes.subarray(0, i)));
      }
      outcomes.delete('ok');
      expect([...outcomes]).toEqual(['CODEC']);
      expect(outcome(protocol, Uint8Array.of(...bytes, 0))).toBe('CODEC');
    }
  }
});
