import { expect, test } from 'vitest';
import { naturalLog } from './naturalLog.ts';

function bits(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, '0');
}

test('gives the bits of known logarithms', () => {
  expect([1, 2, 10, Math.E, 0.5, 2 ** -52, 2 ** -1074, 36.7].map((x) => bits(naturalLog(x)))).toEqual([
    '0000000000000000',
    '3fe62e42fefa39ef',
    '40026bb1bbb55516',
    '3ff0000000000000',
    'bfe62e42fefa39ef',
    'c04205966f2b4f12',
    'c0874385446d71c3',
    '400cd27c9e8e3110',
  ]);
});

test('stays within one unit in the last place of the platform over the whole range', () => {
  let state = 12345;
  for (let i = 0; i < 20_000; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const x = ((state >>> 8) + 1) * 2 ** ((state % 120) - 80);
    const expected = Math.log(x);
    expect(Math.abs(naturalLog(x) - expected)).toBeLessThanOrEqual(Math.abs(expected) * 2 ** -52);
  }
});
