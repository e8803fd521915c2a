import { expect, test } from 'vitest';
import { echo } from './fixtures/echo.ts';
import { sparingYamux } from './sparingYamux.ts';
import { wholeNoise } from './wholeNoise.ts';

const encrypter = wholeNoise();
const plain = { encrypter };
const sparing = { encrypter, muxer: sparingYamux({}) };
const pattern = (length: number): Uint8Array => new Uint8Array(length).map((_, i) => i % 251);

test('what one turn sends leaves in one write, and small frames cost no window updates', async () => {
  const parts = Array.from({ length: 100 }, () => pattern(20));
  const ours = await echo(sparing, sparing, parts);
  const theirs = await echo(plain, plain, parts);
  expect(ours.came).toEqual(new Uint8Array(Buffer.concat(parts)));
  expect(ours.writes.length).toBeLessThan(10);
  // Otherwise yamux has begun to do this itself, and the wrapper can go.
  expect(theirs.writes.length).toBeGreaterThan(100);
});

test.each([
  ['both sides', sparing, sparing],
  ['one side', sparing, plain],
  ['the other side', plain, sparing],
])('many windows of data pass when %s spare window updates', async (_, near, far) => {
  const sent = pattern(3_000_000);
  const { came } = await echo(near, far, [sent]);
  expect(Buffer.compare(came, sent)).toBe(0);
});
