import { expect, test } from 'vitest';
import { fewAtOnce } from './fewAtOnce.ts';

test('so many run, so many wait in order, one more is turned away; a failure hands its place on', async () => {
  const run = fewAtOnce({ maxRunning: 2, maxWaiting: 2 });
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<string>());
  const begun: number[] = [];
  const asked = gates.map(({ promise }, i) =>
    run(() => {
      begun.push(i);
      return promise;
    }),
  );
  expect(await run(async () => 'never')).toBeUndefined();
  expect(begun).toEqual([0, 1]);
  gates[1]?.reject(new Error('failed'));
  await expect(asked[1]).rejects.toThrow('failed');
  await expect.poll(() => begun).toEqual([0, 1, 2]);
  for (const [i, { resolve }] of gates.entries()) resolve(`${i}`);
  expect(await Promise.all([asked[0], asked[2], asked[3]])).toEqual(['0', '2', '3']);
  expect(begun).toEqual([0, 1, 2, 3]);
  expect(await run(async () => 'again')).toBe('again');
});
