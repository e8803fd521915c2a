import { expect, test } from 'vitest';
import { halting } from './halting.ts';

/** A dispatch that may be halted at up to ten tokens, on a clock that the test moves. */
function made() {
  const clock = { ms: 1_000_000, nowMs: () => clock.ms };
  const halt = halting({ clock });
  return { clock, halt };
}

test('W-22: takes one halt between the acceptance and the seals, at one token at least and at no more than were asked for', async () => {
  const { halt } = made();
  expect(halt.take(3)).toBe('W-22');
  halt.allow(10);
  expect([halt.take(0), halt.take(11), halt.at]).toEqual(['W-22', 'W-22', undefined]);
  expect([halt.take(10), halt.at]).toEqual([undefined, 10]);
  await halt.told;
  expect([halt.take(10), halt.at]).toEqual(['W-22', 10]);
});

test('W-22: takes none once seals were exchanged', () => {
  const { halt } = made();
  halt.allow(10);
  halt.forbid();
  expect([halt.take(3), halt.at]).toEqual(['W-22', undefined]);
});

test.each([
  [1_999, 1, undefined],
  [2_000, 1, undefined],
  [2_100, 1, 'W-23'],
  [2_100, 2, undefined],
  [2_499, 4, undefined],
  [2_500, 4, 'W-23'],
  [2_500, 5, undefined],
  [60_000, 5, 'W-23'],
  [60_000, 6, undefined],
] as const)('W-23: %i ms after the first chunk a halt at %i is judged: %s', (afterMs, at, rule) => {
  const { clock, halt } = made();
  halt.allow(10);
  const began = clock.ms;
  for (const [ms, outputTokens] of [
    [0, 1],
    [100, 2],
    [500, 5],
    [3_000, 6],
  ] as const) {
    if (ms > afterMs) break;
    clock.ms = began + ms;
    halt.sent(outputTokens);
  }
  clock.ms = began + afterMs;
  expect(halt.take(at)).toBe(rule);
});
