import { expect, test } from 'vitest';
import { minutesUntil, parseHours } from './hours.ts';

const hours = (text: string) => {
  const parsed = parseHours(text);
  if (parsed === undefined) throw new RangeError(text);
  return parsed;
};

test('reads hours of a day, over midnight too', () => {
  expect(['22:00-07:00', '00:00-24:00', '09:05-09:06'].map(parseHours)).toEqual([
    { from: 1320, to: 420 },
    { from: 0, to: 1440 },
    { from: 545, to: 546 },
  ]);
});

test.each([
  '',
  '22-7',
  '22:00',
  '24:00-07:00',
  '22:60-07:00',
  '07:00-07:00',
  '7:00-9:00',
  '22:00-24:01',
  '22:00-07:00Z',
])('%j makes no sense', (text) => {
  expect(parseHours(text)).toBeUndefined();
});

test('says how long it is until work begins', () => {
  const night = hours('22:00-07:00');
  const noon = hours('12:00-13:30');
  const at = (hour: number, minute: number): number => minutesUntil([night, noon], hour * 60 + minute);
  expect([at(22, 0), at(23, 59), at(0, 0), at(6, 59), at(12, 0), at(13, 29)]).toEqual([0, 0, 0, 0, 0, 0]);
  expect([at(7, 0), at(11, 59), at(13, 30), at(21, 59)]).toEqual([300, 1, 510, 1]);
  expect(minutesUntil([], 0)).toBe(0);
  expect(minutesUntil([noon], 13 * 60 + 30)).toBe(22 * 60 + 30);
});
