import { expect, test } from 'vitest';
import { manualClock } from '../scheduler/fixtures/manualClock.ts';
import { feed } from './feed.ts';

/** A feed of how often it was read. */
function countingFeed() {
  const clock = manualClock();
  let reads = 0;
  const counting = feed({ maxWatchers: 2, gapMs: 100, everyMs: 2_000 })({
    clock,
    read: () => {
      reads += 1;
      return { reads };
    },
  });
  return { clock, counting, reads: () => reads };
}

test('tells a watcher the text now, a change at once, what follows soon together, and again from time to time', async () => {
  const { clock, counting } = countingFeed();
  using watcher = counting.watch();
  expect(await watcher?.next()).toBe('{"reads":1}');
  const afterChange = watcher?.next();
  counting.changed();
  counting.changed();
  await clock.pass(100);
  expect(await afterChange).toBe('{"reads":2}');
  const afterQuiet = watcher?.next();
  await clock.pass(2_000);
  expect(await afterQuiet).toBe('{"reads":3}');
  await clock.pass(1_000);
  counting.changed();
  expect(await watcher?.next()).toBe('{"reads":4}');
});

test('a slow watcher gets the newest text only, and reads nothing for anybody else', async () => {
  const { clock, counting, reads } = countingFeed();
  counting.changed();
  expect(reads()).toBe(0);
  using slow = counting.watch();
  using quick = counting.watch();
  for (const expected of ['{"reads":1}', '{"reads":2}', '{"reads":3}']) {
    expect(await quick?.next()).toBe(expected);
    counting.changed();
    await clock.pass(100);
  }
  expect(await slow?.next()).toBe('{"reads":4}');
});

test('turns away one watcher too many, until another leaves', async () => {
  const { counting } = countingFeed();
  const first = counting.watch();
  using _second = counting.watch();
  expect(counting.watch()).toBeUndefined();
  await first?.next();
  const waiting = first?.next();
  first?.[Symbol.dispose]();
  expect(await waiting).toBeUndefined();
  using third = counting.watch();
  expect(third).toBeDefined();
});

test('ends its watchers with itself', async () => {
  const { counting } = countingFeed();
  using watcher = counting.watch();
  await watcher?.next();
  const waiting = watcher?.next();
  counting[Symbol.dispose]();
  expect(await waiting).toBeUndefined();
  expect(counting.watch()).toBeUndefined();
});
