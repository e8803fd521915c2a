import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Entry, hash } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  batchesSince,
  findBatchBody,
  insertBatch,
  lastBatchSequence,
  markPublished,
  unbatchedEntries,
  unpublishedBatches,
} from './batches.ts';
import { findCandidateGroup, keepCandidateGroup } from './candidateGroups.ts';
import { findChain, keepChain } from './chains.ts';
import { findSlotHash, insertDispatch, lastDispatch, unfinishedDispatches } from './dispatches.ts';
import { findEntry, finishEntry, pricesByEpoch } from './entries.ts';
import { hasPostgres, type PostgresServer, startPostgres } from './fixtures/startPostgres.ts';
import { type Database, openDatabase, openSharedDatabase } from './openDatabase.ts';
import { findRequest, forgetRequests, keepRequest } from './requests.ts';
import { findTicket, lastTicket } from './tickets.ts';

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill);
const own = { domain: bytes(32, 1), participant: bytes(32, 2) };

function exampleEntry(number: bigint, price: bigint): Entry {
  const id = hash(bytes(1, Number(number)));
  const signature = bytes(64, 7);
  const dispatchHash = bytes(32, 3);
  return {
    ticket: {
      value: {
        requestId: id,
        gateway: bytes(32, 1),
        ticketNumber: number,
        lane: 0,
        priceCap: 900n,
        unitPrice: 0n,
        escrow: bytes(32, 5),
        issuedAtMs: 10n,
      },
      signature,
    },
    dispatch: {
      value: {
        ticketHash: bytes(32, 2),
        dispatchNumber: number,
        slot: 400n,
        preimage: bytes(32, 4),
        modelId: bytes(32, 6),
        engineClass: bytes(32, 8),
        assurance: 'quorum',
        dispatchedAtMs: 11n,
      },
      signature,
    },
    evidence: { seals: [], receipts: [], refusals: [], timeouts: [] },
    outcome: {
      value: {
        dispatchHash,
        verdict: 'none',
        outputHash: bytes(32, 0),
        price,
        evidenceHash: bytes(32, 9),
        finishedAtMs: 12n,
      },
      signature,
    },
  };
}

describe.each([
  { kind: 'pglite' as const, skipped: false },
  { kind: 'postgres' as const, skipped: !hasPostgres },
])('the store on $kind', ({ kind, skipped }) => {
  if (skipped) {
    test.skip('needs PostgreSQL (pg_ctl) on this machine', () => {});
    return;
  }
  let folder: string;
  let database: Database;
  let server: PostgresServer | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'karmesh-store-'));
    if (kind === 'postgres') server = await startPostgres();
    database = await openDatabase({ dataFolder: join(folder, 'a'), databaseUrl: server?.url, ...own });
    // Making a database takes seconds of a core, which a busy machine stretches.
  }, 240_000);
  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test('a second process gets a clear refusal', async () => {
    const dataFolder = join(folder, kind === 'pglite' ? 'a' : 'b');
    await expect(openDatabase({ dataFolder, databaseUrl: server?.url, ...own })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
    });
  });

  test('what takes no numbers may share a server’s database, never an embedded one', async () => {
    const dataFolder = join(folder, kind === 'pglite' ? 'a' : 'b');
    const opened = openSharedDatabase({ dataFolder, databaseUrl: server?.url });
    if (kind === 'pglite') await expect(opened).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    else await (await opened)[Symbol.asyncDispose]();
  });

  test('is of one cluster', async () => {
    const { sql } = database;
    const gateways = sql.selectFrom('gateways').select('participant');
    if (kind === 'postgres') {
      const options = { dataFolder: join(folder, 'c'), databaseUrl: server?.url, participant: bytes(32, 3) };
      await expect(openDatabase({ ...options, domain: bytes(32, 9) })).rejects.toMatchObject({
        code: 'STORE_FAILED',
        message: 'The database belongs to gateways of another cluster.',
      });
    }
    expect(await gateways.execute()).toEqual([{ participant: own.participant }]);
  });

  test('several gateways have numbers of their own', { skip: kind === 'pglite', timeout: 60_000 }, async () => {
    const options = { dataFolder: join(folder, 'c'), databaseUrl: server?.url, domain: own.domain };
    await using other = await openDatabase({ ...options, participant: bytes(32, 4) });
    const chain = { epoch: 90n, secret: bytes(32, 1), length: 100 };
    await keepChain(other.db, chain);
    const [entry] = [exampleEntry(77n, 30n)];
    const place = { epoch: 90n, keyHash: bytes(32, 1), slotHash: bytes(32, 0x55), drawn: [] };
    for (const { db } of [other, database]) {
      const ticket = { ...entry.ticket, value: { ...entry.ticket.value, requestId: hash(db.gateway) } };
      await insertDispatch(db, { ...place, ticket, signed: entry.dispatch });
      expect((await lastTicket(db))?.value.requestId).toEqual(hash(db.gateway));
      expect((await unfinishedDispatches(db)).length).toBe(1);
    }
    expect(await findChain(database.db, 90n)).toBeUndefined();
    expect(await findTicket(other.db, hash(own.participant))).toBeUndefined();
    await database.sql.deleteFrom('dispatches').where('epoch', '=', 90n).execute();
    await database.sql.deleteFrom('tickets').where('number', '=', 77n).execute();
  });

  test('takes no numbered row of a process whose place is taken', async () => {
    const { db } = database;
    const old = { ...db, fence: db.fence - 1n };
    await expect(keepChain(old, { epoch: 91n, secret: bytes(32, 1), length: 100 })).rejects.toMatchObject(
      kind === 'pglite' ? { code: 'KM001' } : { code: 'STORE_LOCKED' },
    );
    expect(await findChain(db, 91n)).toBeUndefined();
  });

  test('keeps the first chain of an epoch', async () => {
    const { db } = database;
    const chain = { epoch: 3n, secret: bytes(32, 1), length: 100 };
    expect(await findChain(db, 3n)).toBeUndefined();
    expect(await keepChain(db, chain)).toEqual(chain);
    expect(await keepChain(db, { ...chain, secret: bytes(32, 2) })).toEqual(chain);
    expect(await findChain(db, 3n)).toEqual(chain);
  });

  test('carries requests from ticket to published batch, and never takes a number twice', async () => {
    const { db } = database;
    expect([await lastTicket(db), await lastDispatch(db, 4n), await lastBatchSequence(db)]).toEqual([
      undefined,
      undefined,
      0n,
    ]);
    const entries = [exampleEntry(1n, 30n), exampleEntry(2n, 12n)];
    const drawn = [{ participant: bytes(32, 1), index: 4, identity: bytes(32, 2), weight: 2n ** 64n - 1n }];
    const place = { epoch: 4n, keyHash: bytes(32, 1), slotHash: bytes(32, 0x55), drawn };
    for (const entry of entries) {
      await insertDispatch(db, { ...place, ticket: entry.ticket, signed: entry.dispatch });
    }
    const [first, second] = entries;
    if (first === undefined || second === undefined) throw new Error('unreachable');
    const third = exampleEntry(3n, 1n);
    const taken = [
      { ...place, ticket: first.ticket, signed: third.dispatch },
      { ...place, ticket: third.ticket, signed: first.dispatch },
    ];
    for (const dispatch of taken) await expect(insertDispatch(db, dispatch)).rejects.toThrow();
    expect(await findTicket(db, third.ticket.value.requestId)).toBeUndefined();
    expect([await lastTicket(db), await lastDispatch(db, 4n), await lastDispatch(db, 5n)]).toEqual([
      second.ticket,
      second.dispatch,
      undefined,
    ]);
    expect(await findSlotHash(db, { epoch: 4n, number: 2n })).toEqual(bytes(32, 0x55));
    expect(await findSlotHash(db, { epoch: 4n, number: 3n })).toBeUndefined();
    expect(await findTicket(db, first.ticket.value.requestId)).toEqual({ signed: first.ticket, keyHash: bytes(32, 1) });

    await finishEntry(db, { epoch: 4n, entry: first });
    expect(await unfinishedDispatches(db)).toEqual([
      { epoch: 4n, ticket: second.ticket, signed: second.dispatch, slotHash: bytes(32, 0x55), drawn },
    ]);
    await finishEntry(db, { epoch: 4n, entry: second });
    expect(await unfinishedDispatches(db)).toEqual([]);
    expect(await pricesByEpoch(db, bytes(32, 5))).toEqual([{ epoch: 4n, price: 42n }]);
    expect(await pricesByEpoch(db, bytes(32, 6))).toEqual([]);

    expect(await unbatchedEntries(db, 1)).toEqual({ epoch: 4n, entries: [first] });
    expect(await unbatchedEntries(db, 10)).toEqual({ epoch: 4n, entries });
    const batch = {
      value: {
        producer: bytes(32, 1),
        sequence: 1n,
        epoch: 4n,
        merkleRoot: bytes(32, 2),
        bodyHash: bytes(32, 3),
        count: 2,
        issuedAtMs: 20n,
      },
      signature: bytes(64, 1),
    };
    await insertBatch(db, { signed: batch, entries });
    await expect(insertBatch(db, { signed: batch, entries })).rejects.toThrow();
    expect(await unbatchedEntries(db, 10)).toBeUndefined();
    expect(await unpublishedBatches(db)).toEqual([batch]);
    await markPublished(db, { sequence: 1n, nowMs: 21n });
    expect(await unpublishedBatches(db)).toEqual([]);
    const since = (epoch: bigint, after: bigint) => batchesSince(db, { epoch, after, limit: 9 });
    expect([await since(4n, 0n), await since(0n, 0n)]).toEqual([[batch], [batch]]);
    expect([await since(5n, 0n), await since(4n, 1n)]).toEqual([[], []]);
    // A sequence of 64 bits is no number of the database's.
    expect(await since(0n, 2n ** 64n - 1n)).toEqual([]);
    expect(await lastBatchSequence(db)).toBe(1n);
    expect((await findBatchBody(db, bytes(32, 3)))?.slice(0, 4)).toEqual(Uint8Array.of(2, 0, 0, 0));
    expect(await findBatchBody(db, bytes(32, 4))).toBeUndefined();
    expect(await findEntry(db, second.ticket.value.requestId)).toEqual({ epoch: 4n, entry: second, batchSequence: 1n });
  });

  test('keeps a table of candidates as it first was', async () => {
    const { db } = database;
    const key = { epoch: 4n, engineClass: bytes(32, 1), modelId: bytes(32, 2) };
    const group = { ...key, candidates: [{ participant: bytes(32, 3), index: 1, identity: bytes(32, 4), weight: 5n }] };
    expect(await findCandidateGroup(db, key)).toBeUndefined();
    await keepCandidateGroup(db, group);
    await keepCandidateGroup(db, { ...group, candidates: [] });
    expect(await findCandidateGroup(db, key)).toEqual(group);
  });

  test('keeps a prompt for its time only', async () => {
    const { db } = database;
    const request = {
      modelId: bytes(32, 1),
      assurance: 'stream' as const,
      maxTokens: 8,
      temperatureMicro: 0,
      stops: ['\n'],
      messages: [{ role: 'user' as const, content: 'Hi' }],
      blinding: bytes(32, 2),
    };
    const kept = { requestId: bytes(32, 1), request, tokens: [7, 70_000], expiresAtMs: 100n };
    await keepRequest(db, kept);
    expect(await findRequest(db, bytes(32, 1))).toEqual(kept);
    expect(await forgetRequests(db, 99n)).toBe(0);
    expect(await forgetRequests(db, 100n)).toBe(1);
    expect(await findRequest(db, bytes(32, 1))).toBeUndefined();
  });
});
