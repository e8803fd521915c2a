import { expect, test } from 'vitest';
import { radarPoints } from './radarPoints.ts';

const karma = { inference: 100n, seeding: 0n, uptime: 50n, redundancy: 0n, validation: 0n };

test('the most reaches the rim, nothing stays in the middle', () => {
  expect(radarPoints(karma, 100n)).toBe('100,38 100,100 100,100 81.8,125.1 100,100');
  expect(radarPoints(karma, 0n)).toBe('100,100 100,100 100,100 100,100 100,100');
});
