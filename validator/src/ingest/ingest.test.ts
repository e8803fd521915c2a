import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Batch,
  batchBodyCodec,
  batchRecord,
  decode,
  type Entry,
  type EntryContext,
  encode,
  entryHashOf,
  type Hash,
  hash,
  outcomeRecord,
  signedCodec,
  signRecord,
  toHex,
} from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fixtureMarket, named } from '../fixtures/market.ts';
import { openStore, type Store } from '../store/openStore.ts';
import { batchRootOf, judgeBatchBody } from './batchBody.ts';
import { type HeaderContext, judgeBatchHeader } from './batchHeader.ts';
import { type Ingest, ingest } from './ingest.ts';
import { producerHistories } from './producerHistories.ts';

const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain, gateway } = market;
const entries = [market.entry({ dispatchNumber: 1, slot: 501n }), market.entry({ dispatchNumber: 2, slot: 503n })];

function batchOf(
  list: readonly Entry[],
  changes: Partial<Batch> = {},
): { readonly batch: Batch; readonly body: Uint8Array } {
  const body = encode(batchBodyCodec, list);
  const batch: Batch = {
    producer: gateway.address,
    sequence: 1n,
    epoch: 5n,
    merkleRoot: batchRootOf(domain, { epoch: 5n, entries: list }),
    bodyHash: hash(body),
    count: list.length,
    issuedAtMs: 1n,
    ...changes,
  };
  return { batch, body };
}

function headerBytes(batch: Batch, signer = gateway.keypair): Uint8Array {
  return encode(signedCodec(batchRecord), signRecord(batchRecord, { domain, signer }, batch));
}

describe('headers', () => {
  let nowMs = 0;
  let histories = producerHistories({ nowMs: () => nowMs });
  beforeEach(() => {
    nowMs = 0;
    histories = producerHistories({ nowMs: () => nowMs });
  });
  const context = (changes: Partial<HeaderContext> = {}): HeaderContext => ({
    domain,
    epoch: 5n,
    gatewayIdentity: market.context.gatewayIdentity,
    history: (producer) => histories.of(producer),
    ...changes,
  });
  const { batch } = batchOf(entries);

  test('I-01: rejects bytes that are no header, one byte more and one less', () => {
    for (const bytes of [
      new Uint8Array(),
      headerBytes(batch).subarray(1),
      new Uint8Array([...headerBytes(batch), 0]),
    ]) {
      expect(judgeBatchHeader(context(), bytes)).toEqual({
        verdict: 'reject',
        rule: 'I-01',
        facts: { bytes: bytes.length },
      });
    }
  });
  test('I-02: ignores a header of a later epoch, of one long past, and all before the first', () => {
    for (const epoch of [4n, 8n, undefined]) {
      expect(judgeBatchHeader(context({ epoch }), headerBytes(batch))).toMatchObject({
        verdict: 'ignore',
        rule: 'I-02',
      });
    }
  });
  test('I-03: ignores a producer that is no gateway', () => {
    const stranger = headerBytes({ ...batch, producer: named('stranger') });
    expect(judgeBatchHeader(context(), stranger)).toEqual({ verdict: 'ignore', rule: 'I-03', facts: { epoch: 5n } });
  });
  test('I-04: rejects a header that another key signed', () => {
    const forged = headerBytes(batch, market.workers[0]?.keypair);
    expect(judgeBatchHeader(context(), forged)).toEqual({ verdict: 'reject', rule: 'I-04', facts: { sequence: 1n } });
  });
  test('I-05: rejects an empty batch and one over the bound', () => {
    for (const count of [0, 4097]) {
      expect(judgeBatchHeader(context(), headerBytes({ ...batch, count }))).toEqual({
        verdict: 'reject',
        rule: 'I-05',
        facts: { count },
      });
    }
  });
  test('I-06: ignores the same header again and rejects another with its sequence', () => {
    expect(judgeBatchHeader(context(), headerBytes(batch)).verdict).toBe('accept');
    histories.note(gateway.address, {
      sequence: 1n,
      headerHash: batchRecord.hash(domain, batch),
      bytes: headerBytes(batch),
    });
    expect(judgeBatchHeader(context(), headerBytes(batch))).toEqual({
      verdict: 'ignore',
      rule: 'I-06',
      facts: { sequence: 1n },
    });
    const fork = headerBytes({ ...batch, bodyHash: named('fork') });
    // Both headers and the key are what the chain is shown (P-44).
    const [first, second] = [headerBytes(batch), fork].map((bytes) => decode(signedCodec(batchRecord), bytes));
    const forked = { first, second, identity: gateway.keypair.publicKey };
    const judged = judgeBatchHeader(context(), fork);
    expect(judged).toEqual({ verdict: 'reject', rule: 'I-06', facts: { sequence: 1n }, forked });
  });
  test('I-07: ignores headers beyond a burst until a second has passed', () => {
    const verdictOf = (sequence: bigint) => judgeBatchHeader(context(), headerBytes({ ...batch, sequence })).verdict;
    const verdicts = Array.from({ length: 33 }, (_, i) => verdictOf(BigInt(i)));
    expect(verdicts).toEqual([...Array.from({ length: 32 }, () => 'accept'), 'ignore']);
    nowMs = 999;
    expect(verdictOf(100n)).toBe('ignore');
    nowMs = 1000;
    expect(verdictOf(100n)).toBe('accept');
  });
});

describe('bodies', () => {
  const { batch, body } = batchOf(entries);
  test('an honest body gives its entries', () => {
    const judged = judgeBatchBody(domain, { batch, bytes: body });
    if (judged.verdict !== 'accept') throw new RangeError(judged.rule);
    expect(judged.entries.map(({ entry, entryHash }) => ({ entry: entry(), entryHash }))).toEqual(
      entries.map((entry) => ({ entry, entryHash: entryHashOf(entry) })),
    );
  });
  test('I-10: rejects bytes of another hash', () => {
    const bytes = body.slice();
    bytes[40] = 255 - (bytes[40] ?? 0);
    expect(judgeBatchBody(domain, { batch, bytes })).toMatchObject({ verdict: 'reject', rule: 'I-10' });
  });
  test('I-11: rejects a body that does not decode', () => {
    const bytes = body.subarray(0, body.length - 1);
    expect(judgeBatchBody(domain, { batch: { ...batch, bodyHash: hash(bytes) }, bytes })).toMatchObject({
      rule: 'I-11',
    });
  });
  test('I-12: rejects another count, and an entry twice', () => {
    expect(judgeBatchBody(domain, { batch: { ...batch, count: 3 }, bytes: body })).toMatchObject({ rule: 'I-12' });
    const [first] = entries;
    const twice = batchOf(first === undefined ? [] : [first, first]);
    expect(judgeBatchBody(domain, { batch: twice.batch, bytes: twice.body })).toMatchObject({ rule: 'I-12' });
  });
  test('I-13: rejects a root that the entries do not reach', () => {
    expect(judgeBatchBody(domain, { batch: { ...batch, merkleRoot: named('root') }, bytes: body })).toMatchObject({
      verdict: 'reject',
      rule: 'I-13',
    });
  });
});

describe('the service', () => {
  let folder = '';
  let store: Store;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'validator-ingest-'));
    store = await openStore({ folder });
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  function service(options: {
    readonly bodies: ReadonlyMap<string, Uint8Array>;
    readonly context?: () => EntryContext;
    readonly at?: { readonly nowMs: number; readonly epoch: bigint };
  }): {
    readonly taker: Ingest;
    readonly asked: { readonly hash: Hash; readonly from: Uint8Array | undefined }[];
    readonly counts: string[];
  } {
    const asked: { readonly hash: Hash; readonly from: Uint8Array | undefined }[] = [];
    const counts: string[] = [];
    const { at = { nowMs: 0, epoch: 5n } } = options;
    const taker = ingest({ maxWaiting: 2 })({
      store,
      context: options.context ?? (() => market.context),
      currentEpoch: () => at.epoch,
      fetchBytes: async ({ hash: wanted, from }) => {
        asked.push({ hash: wanted, from });
        return options.bodies.get(toHex(wanted));
      },
      nowMs: () => at.nowMs,
      log: logger({ name: 'test', level: 'silent' })(),
      count: ({ kind, verdict, rule }) => counts.push(`${kind} ${verdict} ${rule}`.trim()),
    });
    return { taker, asked, counts };
  }

  test('an accepted header brings its entries into the store, asked from its producer', async () => {
    const { batch, body } = batchOf(entries);
    const { taker, asked, counts } = service({ bodies: new Map([[toHex(batch.bodyHash), body]]) });
    expect(taker.header(headerBytes(batch))).toBe('accept');
    await taker.idle();
    expect([...(store.book(5n)?.entries() ?? [])].map(({ entryHash }) => toHex(entryHash)).sort()).toEqual(
      entries.map((e) => toHex(entryHashOf(e))).sort(),
    );
    expect(asked).toEqual([{ hash: batch.bodyHash, from: gateway.keypair.publicKey }]);
    expect(counts).toEqual(['header accept', 'body accept', 'entry accept', 'entry accept']);
    expect(taker.header(headerBytes(batch))).toBe('ignore');
    await taker[Symbol.asyncDispose]();
  });

  test('I-09: a body that nobody has is asked for again, less and less often, until its batch is over', async () => {
    const { batch, body } = batchOf(entries);
    const bodies = new Map<string, Uint8Array>();
    const at = { nowMs: 0, epoch: 5n };
    const { taker, counts } = service({ bodies, at });
    const [first] = entries;
    const never = batchOf(first === undefined ? [] : [first], { sequence: 2n });
    expect([batch, never.batch].map((one) => taker.header(headerBytes(one)))).toEqual(['accept', 'accept']);
    await taker.idle();
    const missed = () => counts.filter((one) => one === 'body ignore I-09').length;
    expect(missed()).toBe(2);
    const look = async (nowMs: number): Promise<void> => {
      at.nowMs = nowMs;
      await taker.retry();
      await taker.idle();
    };
    await look(499);
    expect(missed()).toBe(2);
    // A minute later, as when its gateway was down.
    bodies.set(toHex(batch.bodyHash), body);
    await look(60_000);
    expect(store.book(5n)?.entryCount).toBe(2);
    expect(missed()).toBe(3);
    at.epoch = 7n;
    await look(120_000);
    expect(missed()).toBe(4);
    at.epoch = 8n;
    await look(180_000);
    expect(missed()).toBe(4);
    await taker[Symbol.asyncDispose]();
  });

  test('I-09: a gateway that answers again is asked at once for the body that it did not have', async () => {
    const { batch, body } = batchOf(entries);
    const bodies = new Map<string, Uint8Array>();
    const { taker } = service({ bodies, at: { nowMs: 0, epoch: 5n } });
    expect(taker.header(headerBytes(batch))).toBe('accept');
    await taker.idle();
    bodies.set(toHex(batch.bodyHash), body);
    const signed = signRecord(batchRecord, { domain, signer: gateway.keypair }, batch);
    expect(taker.answered(gateway.address, [signed])).toBe(1n);
    await taker.idle();
    expect(store.book(5n)?.entryCount).toBe(2);
    await taker[Symbol.asyncDispose]();
  });

  test('I-09: headers that a gateway is asked for are taken without a pace, up to the first that must wait', async () => {
    const at = { nowMs: 0, epoch: 5n };
    const { taker, counts } = service({ bodies: new Map(), at });
    const signedAs = (changes: Partial<Batch>, signer = gateway.keypair) =>
      signRecord(batchRecord, { domain, signer }, batchOf(entries, changes).batch);
    const many = Array.from({ length: 40 }, (_, i) => signedAs({ sequence: BigInt(i + 10) }));
    expect(taker.knownTo(gateway.address)).toBe(0n);
    expect(taker.answered(gateway.address, many)).toBe(49n);
    expect(counts.filter((one) => one === 'header accept')).toHaveLength(40);
    // Gossip goes on where the answer ended.
    expect(taker.header(headerBytes(batchOf(entries, { sequence: 51n }).batch))).toBe('accept');
    expect(taker.answered(gateway.address, [signedAs({ sequence: 50n })])).toBe(51n);
    const later = signedAs({ sequence: 54n, epoch: 6n });
    const answer = [
      signedAs({ sequence: 52n, epoch: 2n }),
      signedAs({ sequence: 53n }, market.workers[0]?.keypair),
      later,
      signedAs({ sequence: 55n }),
    ];
    // One is long over and one is false: neither is asked for again. One is of an epoch to come.
    expect(taker.answered(gateway.address, answer)).toBe(53n);
    at.epoch = 6n;
    expect(taker.answered(gateway.address, [later])).toBe(54n);
    // Another producer's header in the answer moves nothing.
    expect(taker.answered(named('another'), answer)).toBe(0n);
    await taker[Symbol.asyncDispose]();
  });

  test('an entry whose slot is not known waits, within bounds, and is taken once it is', async () => {
    let known = false;
    const { taker, counts } = service({
      bodies: new Map(),
      context: () => (known ? market.context : { ...market.context, slotHash: () => undefined }),
    });
    for (const number of [1, 2, 3]) {
      expect(await taker.entry(market.entry({ dispatchNumber: number, slot: 501n }))).toBe('ignore');
    }
    expect(taker.waiting).toBe(2);
    known = true;
    await taker.retry();
    expect(taker.waiting).toBe(0);
    expect(store.book(5n)?.entryCount).toBe(2);
    expect(counts).toEqual([
      'entry ignore E-15',
      'entry ignore E-15',
      'entry ignore E-15',
      'entry accept',
      'entry accept',
    ]);
    await taker[Symbol.asyncDispose]();
  });

  test('E-22: an entry with another price is rejected and not kept', async () => {
    const [entry] = entries;
    if (entry === undefined) throw new RangeError('There is an entry.');
    const outcome = { ...entry.outcome.value, price: entry.outcome.value.price + 1n };
    const { taker, counts } = service({ bodies: new Map() });
    const dear = { ...entry, outcome: signRecord(outcomeRecord, { domain, signer: gateway.keypair }, outcome) };
    expect(await taker.entry(dear)).toBe('reject');
    expect(counts).toEqual(['entry reject E-22']);
    expect(taker.waiting).toBe(0);
    await taker[Symbol.asyncDispose]();
  });
});
