import {
  encode,
  hash,
  type LogEvent,
  logEventCodec,
  logLeafHash,
  logRoot,
  logTree,
  u64le,
} from '@karmesh/sdk/protocol';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { manualClock } from '../scheduler/fixtures/manualClock.ts';
import type { Db } from '../store/db.ts';
import { openTestDatabase } from '../store/fixtures/testDatabase.ts';
import { appendEvents } from './appendEvents.ts';
import { insertEvents, readLeaves } from './logStore.ts';

const opened: LogEvent = { kind: 'opened', capacity: 1, size: 0n, root: logTree().root(), atMs: 1n };
const fee = (thousandths: number): LogEvent => ({ kind: 'base-fee', thousandths, atMs: 1n });

/** Lets the database refuse every new leaf, until the result lets it take them again. */
async function refuseLeaves({ sql: db }: Db): Promise<() => Promise<unknown>> {
  await sql`create function refuse() returns trigger language plpgsql as 'begin raise exception ''refused''; end'`.execute(
    db,
  );
  await sql`create trigger refuse before insert on log_events execute function refuse()`.execute(db);
  return () => sql`drop trigger refuse on log_events`.execute(db);
}

function logged() {
  const said: string[] = [];
  const told = Promise.withResolvers<void>();
  const error = (_: unknown, sentence?: string): void => {
    said.push(sentence ?? '');
    told.resolve();
  };
  return { said, log: { error }, failed: told.promise };
}

test('events that the disk refuses are written later, in their order and once', async () => {
  await using database = await openTestDatabase();
  const stored = { db: database.db };
  const [clock, { said, log, failed }] = [manualClock(), logged()];
  await using appender = await appendEvents({ maxPending: 10, retryMs: 1_000 })({ ...stored, clock, log });
  expect([appender.append(opened), appender.append(fee(1_000))]).toEqual([0, 1]);
  await appender.flushed();
  const takeThem = await refuseLeaves(stored.db);
  appender.append(fee(1_001));
  await failed;
  expect(appender.append(fee(1_002))).toBe(3);
  expect(appender.tip().size).toBe(2);
  await takeThem();
  await clock.pass(1_000);
  await appender.flushed();
  const events = [opened, fee(1_000), fee(1_001), fee(1_002)];
  const leaves = events.map((event) => encode(logEventCodec, event));
  expect(await readLeaves(stored, { start: 0, end: 9 })).toEqual(leaves);
  expect(appender.tip()).toEqual({ size: 4, root: logRoot(leaves.map(logLeafHash)) });
  expect(said).toEqual(['Events could not be written to the log; it is tried again.']);
});

test('events whose acknowledgement was lost are not written twice', async () => {
  await using database = await openTestDatabase();
  const stored = { db: database.db };
  const [clock, { said, log, failed }] = [manualClock(), logged()];
  await using appender = await appendEvents({ maxPending: 10, retryMs: 1_000 })({ ...stored, clock, log });
  appender.append(opened);
  await appender.flushed();
  const takeThem = await refuseLeaves(stored.db);
  appender.append(fee(1_001));
  await failed;
  await takeThem();
  // What the refused statement would have left, had only its answer been lost.
  const leaf = encode(logEventCodec, fee(1_001));
  await insertEvents(stored, { first: 1, events: [{ event: fee(1_001), leaf, opened: 0 }], nodes: [] });
  appender.append(fee(1_002));
  await clock.pass(1_000);
  await appender.flushed();
  const leaves = await readLeaves(stored, { start: 0, end: 9 });
  expect(leaves).toEqual([opened, fee(1_001), fee(1_002)].map((event) => encode(logEventCodec, event)));
  expect(said).toHaveLength(1);
});

test('while many events wait for the disk nothing new is admitted, and what has begun is written down', async () => {
  await using database = await openTestDatabase();
  const stored = { db: database.db };
  const { log, failed } = logged();
  await using appender = await appendEvents({ maxPending: 2, retryMs: 1_000 })({
    ...stored,
    clock: manualClock(),
    log,
  });
  await refuseLeaves(stored.db);
  appender.append(opened);
  await failed;
  appender.admit();
  appender.append(fee(1_000));
  expect(() => appender.admit()).toThrow(
    expect.objectContaining({
      code: 'STORE_UNREACHABLE',
      message: 'The log cannot be written to, and nothing may happen unseen.',
      facts: { pending: 2 },
    }),
  );
  expect(appender.append(fee(1_001))).toBe(2);
  const closed = appender.flushed();
  await appender[Symbol.asyncDispose]();
  await expect(closed).rejects.toMatchObject({
    code: 'ABORTED',
    message: 'The log was closed before this was on disk.',
  });
});

test('leaves that nobody of this process wrote mean that another has the log: it is lost, and not tried for ever', async () => {
  await using database = await openTestDatabase();
  const stored = { db: database.db };
  const [clock, { said, log, failed }] = [manualClock(), logged()];
  await using appender = await appendEvents({ maxPending: 10, retryMs: 1_000 })({ ...stored, clock, log });
  const takeThem = await refuseLeaves(stored.db);
  appender.append(opened);
  await failed;
  await takeThem();
  const leaf = encode(logEventCodec, fee(1_009));
  await insertEvents(stored, { first: 0, events: [{ event: fee(1_009), leaf, opened: 0 }], nodes: [] });
  const flushed = appender.flushed();
  await Promise.all([
    clock.pass(1_000),
    expect(flushed).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: 'Another process writes to the log of this gateway.',
      facts: { size: 1, expected: 0 },
    }),
  ]);
  expect(appender.lost.reason).toMatchObject({ code: 'STORE_LOCKED' });
  expect(said.at(-1)).toBe('The log of this gateway belongs to another process.');
});

test('thousands of events that come at once are flushed in order, over the subtrees that are stored', async () => {
  await using database = await openTestDatabase();
  const stored = { db: database.db };
  const { log } = logged();
  const leaves: Uint8Array[] = [];
  const append = async (count: number): Promise<void> => {
    await using appender = await appendEvents({ maxPending: 20_000, retryMs: 1_000 })({
      ...stored,
      clock: manualClock(),
      log,
    });
    for (let i = 0; i < count; i++) {
      const number = BigInt(leaves.length);
      const ticketHash = hash(u64le(number));
      const event: LogEvent = { kind: 'start', ticketHash, ticketNumber: number, atMs: number };
      appender.append(event);
      leaves.push(encode(logEventCodec, event));
    }
    await appender.flushed();
    expect(appender.tip()).toEqual({ size: leaves.length, root: logRoot(leaves.map(logLeafHash)) });
  };
  // Each goes on from the subtrees that the one before it left.
  for (const count of [5_000, 255, 1, 700]) await append(count);
  expect(await readLeaves(stored, { start: 0, end: 10_000 })).toEqual(leaves);
});
