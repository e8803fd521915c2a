import { expect, test } from 'vitest';
import { echo } from './fixtures/echo.ts';
import { wholeNoise } from './wholeNoise.ts';

test('a frame leaves in one write, with both sides alike or one of them plain noise', async () => {
  // More than one noise message of 65,519 bytes.
  const sent = new Uint8Array(150_000).map((_, i) => i % 251);
  const own = { encrypter: wholeNoise() };
  const whole = await echo(own, own, [sent]);
  const mixed = await echo(own, {}, [sent]);
  expect([whole.came, mixed.came]).toEqual([sent, sent]);
  expect(whole.writes.length).toBeGreaterThan(3);
  const lone = (writes: readonly number[]): number => writes.filter((bytes) => bytes === 2).length;
  expect(lone(whole.writes)).toBe(0);
  // Otherwise noise has begun to do this itself, and the wrapper can go.
  expect(lone(mixed.writes)).toBeGreaterThan(2);
});
