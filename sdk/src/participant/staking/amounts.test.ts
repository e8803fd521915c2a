import { expect, test } from 'vitest';
import { amountText, parseAmount } from './amounts.ts';
import { momentOf, momentText } from './moment.ts';

test('an amount is lamports, or SOL with that word; of the token base units', () => {
  expect(parseAmount('1500000000', 'lamports')).toBe(1_500_000_000n);
  expect(parseAmount('1.5sol', 'lamports')).toBe(1_500_000_000n);
  expect(parseAmount('0.000000001SOL', 'lamports')).toBe(1n);
  expect(parseAmount('7', 'tokens')).toBe(7n);
});

test.each(['', '0', '0sol', '-1', '1.5', '1e9', '1.0000000001sol', 'sol', '18446744073709551616'])(
  '"%s" is no amount',
  (text) => {
    expect(() => parseAmount(text, 'lamports')).toThrow('The amount is not understood.');
  },
);

test('base units have no SOL', () => {
  expect(() => parseAmount('1sol', 'tokens')).toThrow('The amount is not understood.');
});

test('an amount and a moment are shown whole', () => {
  expect(amountText(1_500_000_000n)).toBe('1.5 SOL (1500000000 lamports)');
  expect(amountText(1n)).toBe('0.000000001 SOL (1 lamports)');
  expect(amountText(9n, 'tokens')).toBe('9 base units of the token');
  const now = { slot: 100n, slotMs: 400, epochZeroSlot: 10n, slotsPerEpoch: 64n };
  expect(momentText(momentOf(now, 101n))).toBe('epoch 1, slot 101, in about 1 s');
  expect(momentText(momentOf(now, 90n))).toBe('epoch 1, slot 90, now');
  expect(momentText(momentOf(now, 100n + 9_000n))).toBe('epoch 142, slot 9100, in about 60 min');
  expect(momentText(momentOf(now, 100n + 90_000n))).toBe('epoch 1407, slot 90100, in about 10.0 h');
  expect(momentText(momentOf(now, 100n + 900_000n))).toBe('epoch 14063, slot 900100, in about 4.2 days');
});
