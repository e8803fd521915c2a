import { expect, test } from 'vitest';
import { patience } from './patience.ts';

const usual = { openMs: 1_500, acceptMs: 2_500, sealMs: 120_000, revealMs: 10_000 };
const brief = { ...usual, openMs: 300, acceptMs: 500 };
const [one, other] = [Uint8Array.of(1), Uint8Array.of(2)];

function asking() {
  const time = { nowMs: 0 };
  const changes: string[] = [];
  const asked = patience(usual)({
    clock: { nowMs: () => time.nowMs },
    onChange: (worker, now) => changes.push(`${worker[0]} ${now}`),
  });
  return { asked, time, changes };
}

test('who was silent three times in a row is asked briefly, and nobody else is', () => {
  const { asked, changes } = asking();
  for (const _ of [1, 2]) asked.silent(one);
  expect(asked.limitsFor(one)).toEqual(usual);
  asked.answered(one);
  for (const _ of [1, 2]) asked.silent(one);
  expect([asked.limitsFor(one), changes]).toEqual([usual, []]);
  asked.silent(one);
  expect([asked.limitsFor(one), asked.limitsFor(other), changes]).toEqual([brief, usual, ['1 brief']]);
});

test('one ask has the usual time after 5, 10, 20, 40 and then each 60 seconds, until it answers', () => {
  const { asked, time, changes } = asking();
  for (const _ of [1, 2, 3]) asked.silent(one);
  for (const waitMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
    time.nowMs += waitMs - 1;
    expect(asked.limitsFor(one)).toEqual(brief);
    time.nowMs += 1;
    expect([asked.limitsFor(one), asked.limitsFor(one)]).toEqual([usual, brief]);
    asked.silent(one);
  }
  asked.answered(one);
  expect([asked.limitsFor(one), changes]).toEqual([usual, ['1 brief', '1 full']]);
});
