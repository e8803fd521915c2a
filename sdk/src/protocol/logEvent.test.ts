import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { decode, encode, tryDecode } from './codec.ts';
import { accountBlind, accountTag, type LogEvent, logEventCodec, MAX_LOG_EVENT_BYTES } from './logEvent.ts';

interface Vectors {
  readonly accounts: readonly {
    readonly secret: string;
    readonly account: string;
    readonly blind: string;
    readonly tag: string;
  }[];
  readonly events: readonly { readonly event: Readonly<Record<string, string | number>>; readonly encoded: string }[];
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../../../test/vectors/log.json', import.meta.url), 'utf8'));

const asJson = (event: LogEvent): unknown =>
  JSON.parse(
    JSON.stringify(event, (_, value) => {
      if (typeof value === 'bigint') return value.toString();
      return value instanceof Uint8Array ? toHex(value) : value;
    }),
  );

test('G-10: events have the bytes of the Python implementation', () => {
  for (const { event, encoded } of vectors.events) {
    const decoded = decode(logEventCodec, fromHex(encoded));
    expect(asJson(decoded)).toEqual(event);
    expect(toHex(encode(logEventCodec, decoded))).toBe(encoded);
    expect(encoded.length / 2).toBeLessThanOrEqual(MAX_LOG_EVENT_BYTES);
  }
  expect(Math.max(...vectors.events.map(({ encoded }) => encoded.length / 2))).toBe(MAX_LOG_EVENT_BYTES);
});

test('G-10: an event of an unknown kind or reason, or of another length, does not decode', () => {
  const [opened = '', , , leave = ''] = vectors.events.map(({ encoded }) => encoded);
  const leaveReason = `${leave.slice(0, 18)}05${leave.slice(20)}`;
  const none = [
    '',
    '00',
    '06',
    `00${opened.slice(2)}`,
    `06${opened.slice(2)}`,
    `${opened}00`,
    opened.slice(2),
    leaveReason,
  ];
  expect(none.map((hex) => tryDecode(logEventCodec, fromHex(hex)))).toEqual(none.map(() => undefined));
  expect(tryDecode(logEventCodec, fromHex(leave))).toMatchObject({ kind: 'leave', reason: 'finished' });
});

test('G-11: a buyer can open the tag of its own account, and no other blind or account gives it', () => {
  for (const { secret, account, blind, tag } of vectors.accounts) {
    const own = accountBlind(fromHex(secret), fromHex(account));
    expect(toHex(own)).toBe(blind);
    expect(toHex(accountTag(fromHex(account), own))).toBe(tag);
    expect(toHex(accountTag(fromHex(`${account}00`), own))).not.toBe(tag);
    const other = accountBlind(new Uint8Array(32), fromHex(account));
    expect(toHex(accountTag(fromHex(account), other))).not.toBe(tag);
  }
});
