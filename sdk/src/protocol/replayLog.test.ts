import { expect, test } from 'vitest';
import { concatBytes, u64le } from './bytes.ts';
import { encode } from './codec.ts';
import { type Hash, hash } from './hash.ts';
import { type LogEvent, logEventCodec } from './logEvent.ts';
import { firstBreak, LOG_CLOCK_TOLERANCE_MS, type LogBreak, replayLog } from './replayLog.ts';
import { EMPTY_ROOT, logLeafHash, logTree } from './transparencyTree.ts';

const MASTER = 0;
const BRONZE = 5;
const ticketHash = (number: number): Hash => hash(u64le(BigInt(number)));
const account = (name: string): Hash => hash(new TextEncoder().encode(name));

const enter = (number: number, lane: number, by = `account ${number}`): LogEvent => ({
  kind: 'enter',
  ticketHash: ticketHash(number),
  ticketNumber: BigInt(number),
  lane,
  accountTag: account(by),
  atMs: 1_000n,
});
const start = (number: number): LogEvent => ({
  kind: 'start',
  ticketHash: ticketHash(number),
  ticketNumber: BigInt(number),
  atMs: 1_000n,
});
const leave = (number: number): LogEvent => ({
  kind: 'leave',
  ticketNumber: BigInt(number),
  reason: 'finished',
  atMs: 1_000n,
});
const baseFee = (thousandths: number): LogEvent => ({ kind: 'base-fee', thousandths, atMs: 1_000n });
const at = (event: LogEvent, atMs: bigint): LogEvent => ({ ...event, atMs });

/** The leaves of a log with these events behind an `opened`; `open` alone stands for another one, by the same process or the next. */
function log(...events: readonly (LogEvent | 'open')[]): readonly Uint8Array[] {
  const tree = logTree();
  return ['open' as const, ...events].map((one) => {
    const event: LogEvent =
      one === 'open' ? { kind: 'opened', capacity: 2, size: BigInt(tree.size), root: tree.root(), atMs: 1_000n } : one;
    const leaf = encode(logEventCodec, event);
    tree.append(logLeafHash(leaf));
    return leaf;
  });
}

const broken = (...events: readonly (LogEvent | 'open')[]): Partial<LogBreak> | undefined => firstBreak(log(...events));

test('a log in which everybody had their turn holds, over a restart as well', () => {
  const leaves = log(
    baseFee(1_000),
    enter(1, BRONZE),
    start(1),
    enter(2, BRONZE),
    enter(3, MASTER),
    enter(4, MASTER),
    start(3),
    leave(1),
    // Between lanes the weights decide (L-03), and who leaves the queue is passed over.
    leave(4),
    start(2),
    leave(2),
    leave(3),
    enter(5, 2),
    'open',
    enter(9, BRONZE),
    start(9),
  );
  expect(firstBreak(leaves)).toBeUndefined();
  const replay = replayLog();
  const seen = leaves.map((leaf) => replay.apply(leaf).event?.kind);
  expect(seen.filter((kind) => kind === 'start')).toHaveLength(4);
  expect([replay.size, replay.waiting, replay.working]).toEqual([leaves.length, 0, 1]);
  const tree = logTree();
  for (const leaf of leaves) tree.append(logLeafHash(leaf));
  expect(replay.root()).toEqual(tree.root());
});

test('G-14: a later Bronze that starts before a waiting Master is named with it', () => {
  expect(broken(enter(1, MASTER), enter(2, BRONZE), start(2))).toEqual({
    rule: 'G-14',
    index: 3,
    sentence: 'Ticket 2 of lane bronze started before ticket 1 of lane master, whose turn it was.',
    jumped: { ticketHash: ticketHash(1), ticketNumber: 1n, lane: MASTER, enteredAtMs: 1_000n },
    jumping: { ticketHash: ticketHash(2), ticketNumber: 2n, lane: BRONZE, enteredAtMs: 1_000n },
  });
});

test('G-14: who came first in a lane starts first, and accounts take turns', () => {
  expect(broken(enter(1, BRONZE), enter(2, BRONZE), start(2))).toMatchObject({ rule: 'G-14', index: 3 });
  const three = [enter(1, BRONZE, 'a'), enter(2, BRONZE, 'a'), enter(3, BRONZE, 'b')];
  expect(broken(...three, start(1), start(2))).toMatchObject({ rule: 'G-14', jumped: { ticketNumber: 3n } });
  expect(broken(...three, start(1), start(3))).toBeUndefined();
});

test('G-14: a ticket that never entered, that had its turn, or of another hash starts at nobody’s place', () => {
  const none = [
    broken(start(7)),
    broken(enter(1, MASTER), start(7)),
    broken(enter(1, MASTER), start(1), start(1)),
    broken(enter(1, MASTER), { ...start(1), ticketHash: ticketHash(2) } as LogEvent),
    broken(enter(1, MASTER), 'open', start(1)),
  ];
  expect(none.map((one) => [one?.rule, one?.sentence, one?.jumped?.ticketNumber])).toEqual([
    ['G-14', 'Ticket 7 started, and no such ticket was waiting.', undefined],
    ['G-14', 'Ticket 7 started, and no such ticket was waiting.', 1n],
    ['G-14', 'Ticket 1 started, and no such ticket was waiting.', undefined],
    ['G-14', 'Ticket 1 started, and no such ticket was waiting.', 1n],
    ['G-14', 'Ticket 1 started, and no such ticket was waiting.', undefined],
  ]);
});

test('G-13: numbers rise by one, after a restart they only rise, and lanes are the six', () => {
  const sentences = [
    broken(enter(5, BRONZE), enter(7, BRONZE)),
    broken(enter(5, BRONZE), enter(5, BRONZE)),
    broken(enter(5, BRONZE), 'open', enter(5, BRONZE)),
    broken(enter(5, 6)),
    broken(enter(5, BRONZE), 'open', enter(7, BRONZE)),
  ].map((one) => one && [one.rule, one.sentence]);
  expect(sentences).toEqual([
    ['G-13', 'Ticket 7 came after ticket 5; numbers rise by one.'],
    ['G-13', 'Ticket 5 came after ticket 5; numbers rise by one.'],
    ['G-13', 'Ticket 5 came after ticket 5; numbers rise by one.'],
    ['G-13', 'Ticket 5 entered a lane that there is not.'],
    undefined,
  ]);
});

test('G-15: no more are at work than the capacity, and only who is there can leave', () => {
  const two = [enter(1, BRONZE), start(1), enter(2, BRONZE), start(2), enter(3, BRONZE)];
  expect(broken(...two, start(3))?.sentence).toBe('Ticket 3 started while 2 were at work, which is all that may be.');
  expect(broken(...two, leave(1), start(3))).toBeUndefined();
  expect(broken(...two, leave(1), leave(1))).toMatchObject({
    rule: 'G-15',
    sentence: 'Ticket 1 left, and it was neither waiting nor at work.',
  });
});

test('G-16: times run backwards by as much as a clock may be off, and no more', () => {
  const tolerance = BigInt(LOG_CLOCK_TOLERANCE_MS);
  const early = (ms: bigint) => broken(at(enter(1, BRONZE), 9_000n), at(start(1), 9_000n - ms));
  expect(early(tolerance)).toBeUndefined();
  expect(early(tolerance + 1n)).toMatchObject({
    rule: 'G-16',
    index: 2,
    sentence: 'An event is 2001 ms older than one before it.',
  });
  // Small steps do not add up.
  const steps = [9_000n, 8_000n, 7_000n, 6_000n].map((atMs, i) => at(enter(i + 1, BRONZE), atMs));
  expect(broken(...steps)).toMatchObject({ rule: 'G-16', index: 4 });
});

test('G-12, G-10, G-17: a log begins with its opening, on the past that it has; its leaves are events, and no fee is below one', () => {
  const [first = new Uint8Array(), ...rest] = log(enter(1, BRONZE));
  expect(firstBreak(rest)?.sentence).toBe('The log does not begin with a process that opens it.');
  const twice = firstBreak([first, first]);
  expect([twice?.rule, twice?.sentence]).toEqual([
    'G-12',
    'A process opened the log on another past than the one that it has.',
  ]);
  expect(firstBreak([first, concatBytes(first, EMPTY_ROOT)])).toMatchObject({ rule: 'G-10', index: 1 });
  expect(broken(baseFee(999))?.sentence).toBe('The base fee fell to 999 thousandths; it is never below one.');
});

test('nothing is judged after the first break, and the leaves still make the root', () => {
  const leaves = log(enter(1, MASTER), enter(2, BRONZE), start(2), start(1), start(1));
  const replay = replayLog();
  const found = leaves.map((leaf) => replay.apply(leaf).broken?.index);
  expect(found).toEqual([undefined, undefined, undefined, 3, 3, 3]);
  const tree = logTree();
  for (const leaf of leaves) tree.append(logLeafHash(leaf));
  expect(replay.root()).toEqual(tree.root());
});

test('a replay from a later opening gives the same verdict as one from the beginning', () => {
  const leaves = log(enter(1, BRONZE), start(1), leave(1), 'open', enter(2, MASTER), enter(3, BRONZE), start(3));
  const tree = logTree();
  for (const leaf of leaves.slice(0, 4)) tree.append(logLeafHash(leaf));
  // Four leaves are one perfect subtree.
  const from = { size: 4, peaks: [tree.root()] };
  expect(firstBreak(leaves.slice(4), from)).toEqual(firstBreak(leaves));
  expect(firstBreak(leaves.slice(4), { size: 4, peaks: [EMPTY_ROOT] })?.rule).toBe('G-12');
});
