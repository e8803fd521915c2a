import { randomBytes } from 'node:crypto';
import { KarmeshError } from '@karmesh/sdk/errors';
import { describe, expect, test } from 'vitest';
import { addressOf } from '../base58.ts';
import { decodeEvents, encodeEvents } from '../store/eventCodec.ts';
import { createGenesis, type Genesis } from '../store/genesis.ts';
import type { LedgerStore } from '../store/ledgerStore.ts';
import { createEngine } from './engine.ts';
import type { LedgerEvent } from './event.ts';
import { faucetLamports } from './faucet.ts';
import { type Ledger, type LedgerUpdate, openLedger } from './ledger.ts';
import { clockSysvar, slotHashesSysvar } from './wellKnown.ts';
import { parseTransaction } from './wireTransaction.ts';

/** A disk that a test can fill. What it holds is bytes, as on a real one. */
function testStore() {
  let records: Uint8Array[] = [];
  const state = { full: false, checkpointAfter: Number.POSITIVE_INFINITY, checkpoints: 0 };
  const store: LedgerStore = {
    async *recovered() {
      for (const record of records) yield decodeEvents(record);
    },
    append: async (events) => {
      if (state.full) throw new KarmeshError('DISK_FULL', 'The disk is full; nothing was changed.');
      records.push(encodeEvents(events));
    },
    checkpointDue: () => records.length > state.checkpointAfter,
    checkpoint: async (events: Iterable<LedgerEvent>) => {
      records = [encodeEvents([...events])];
      state.checkpoints += 1;
      return undefined;
    },
    [Symbol.asyncDispose]: async () => {},
  };
  return { store, state };
}

const log = { error: () => {}, info: () => {} };
const genesisOf = (): Genesis => createGenesis([], 1_700_000_000);
const someone = () => addressOf(randomBytes(32));

function open(store: LedgerStore, genesis: Genesis, now = () => 1_700_000_000_000): Promise<Ledger> {
  return openLedger({ maxTransactions: 1_000 })({ engine: createEngine(), store, genesis, now, log });
}

function airdrop(ledger: Ledger, to: ReturnType<typeof someone>, lamports = 1_000_000n) {
  const { blockhash } = ledger.latestBlockhash();
  return ledger.submit(parseTransaction(ledger.faucet.transfer({ to, lamports, blockhash })));
}

describe('ledger', () => {
  test('lands transactions and tells of them in order', async () => {
    const { store } = testStore();
    await using ledger = await open(store, genesisOf());
    const updates: LedgerUpdate[] = [];
    ledger.subscribe((update) => updates.push(update));
    const to = someone();
    const [first, second] = await Promise.all([airdrop(ledger, to), airdrop(ledger, to)]);
    await ledger.advance();
    expect([first?.kind, second?.kind]).toEqual(['landed', 'landed']);
    expect(ledger.accounts.get(to)?.lamports).toBe(2_000_000n);
    expect(ledger.accounts.get(ledger.faucet.address)?.lamports).toBe(faucetLamports - 2_010_000n);
    expect(updates.map(({ kind }) => kind)).toEqual(['transaction', 'transaction', 'slot']);
    expect(updates[2]).toEqual({ kind: 'slot', slot: 2, parent: 1 });
    expect(ledger.history.naming(to).map(({ fee, slot }) => ({ fee, slot }))).toEqual([
      { fee: 5_000n, slot: 1 },
      { fee: 5_000n, slot: 1 },
    ]);
  });

  test('takes a transaction once, also within one batch', async () => {
    const { store } = testStore();
    await using ledger = await open(store, genesisOf());
    const to = someone();
    const { blockhash } = ledger.latestBlockhash();
    const transaction = parseTransaction(ledger.faucet.transfer({ to, lamports: 1_000_000n, blockhash }));
    const outcomes = await Promise.all([ledger.submit(transaction), ledger.submit(transaction)]);
    expect(outcomes.map((each) => (each.kind === 'dropped' ? each.err : each.kind))).toEqual([
      'landed',
      'AlreadyProcessed',
    ]);
    expect(await ledger.submit(transaction)).toEqual({ kind: 'dropped', err: 'AlreadyProcessed' });
    expect(ledger.accounts.get(to)?.lamports).toBe(1_000_000n);
  });

  test('drops a transaction whose blockhash is 151 blocks old', async () => {
    const { store } = testStore();
    await using ledger = await open(store, genesisOf());
    const { blockhash, lastValidBlockHeight } = ledger.latestBlockhash();
    const make = () => parseTransaction(ledger.faucet.transfer({ to: someone(), lamports: 1_000_000n, blockhash }));
    while (ledger.slot() <= lastValidBlockHeight) await ledger.advance();
    expect((await ledger.submit(make())).kind).toBe('landed');
    await ledger.advance();
    expect(await ledger.submit(make())).toEqual({ kind: 'dropped', err: 'BlockhashNotFound' });
  });

  test('sets the sysvars of a slot when it begins', async () => {
    const { store } = testStore();
    let now = 1_700_000_010_000;
    await using ledger = await open(store, genesisOf(), () => now);
    await ledger.advance();
    // A clock that runs backwards does not take the cluster's along.
    now = 1_600_000_000_000;
    await ledger.advance();
    const clock = Buffer.from(ledger.accounts.get(clockSysvar)?.data ?? []);
    expect([clock.readBigUInt64LE(0), clock.readBigInt64LE(8), clock.readBigInt64LE(32)]).toEqual([
      3n,
      1_700_000_000n,
      1_700_000_010n,
    ]);
    const hashes = Buffer.from(ledger.accounts.get(slotHashesSysvar)?.data ?? []);
    expect([hashes.readBigUInt64LE(0), hashes.readBigUInt64LE(8)]).toEqual([3n, 2n]);
    expect(hashes.subarray(16, 48)).toEqual(Buffer.from(ledger.blocks.at(2)?.hash ?? []));
  });

  test('a full disk confirms nothing, undoes what it had executed, and goes on when there is room', async () => {
    const { store, state } = testStore();
    const genesis = genesisOf();
    const to = someone();
    {
      await using ledger = await open(store, genesis);
      await airdrop(ledger, to);
      state.full = true;
      const failed = await Promise.allSettled([airdrop(ledger, to), airdrop(ledger, someone()), ledger.advance()]);
      expect(failed.map((each) => (each.status === 'rejected' ? each.reason.code : each.status))).toEqual([
        'DISK_FULL',
        'DISK_FULL',
        'DISK_FULL',
      ]);
      expect(ledger.slot()).toBe(1);
      expect(ledger.accounts.get(to)?.lamports).toBe(1_000_000n);
      expect(ledger.transactionCount()).toBe(1);
      state.full = false;
      // The engine was undone too: otherwise this would make three million.
      await airdrop(ledger, to);
      expect(ledger.accounts.get(to)?.lamports).toBe(2_000_000n);
      expect(ledger.accounts.get(ledger.faucet.address)?.lamports).toBe(faucetLamports - 2_010_000n);
    }
    await using again = await open(store, genesis);
    expect(again.accounts.get(to)?.lamports).toBe(2_000_000n);
  });

  test.each([
    ['from its log', Number.POSITIVE_INFINITY],
    ['from a checkpoint and a log', 3],
  ])('comes back %s as it was', async (_, checkpointAfter) => {
    const { store, state } = testStore();
    state.checkpointAfter = checkpointAfter;
    const genesis = genesisOf();
    const to = someone();
    const seen = async (ledger: Ledger) => ({
      slot: ledger.slot(),
      time: ledger.unixTimestamp(),
      blocks: ledger.blocks.all(),
      latest: ledger.latestBlockhash(),
      count: ledger.transactionCount(),
      to: ledger.accounts.get(to),
      faucet: ledger.accounts.get(ledger.faucet.address),
      hashes: ledger.accounts.get(slotHashesSysvar),
      clock: ledger.accounts.get(clockSysvar),
      history: ledger.history.naming(to),
    });
    let before: Awaited<ReturnType<typeof seen>>;
    {
      await using ledger = await open(store, genesis);
      for (let round = 0; round < 6; round += 1) {
        await airdrop(ledger, to);
        await ledger.advance();
      }
      before = await seen(ledger);
    }
    await using again = await open(store, genesis);
    expect(await seen(again)).toEqual(before);
    expect(state.checkpoints > 0).toBe(Number.isFinite(checkpointAfter));
    // The engine has the state as well: what it executes builds on it.
    await airdrop(again, to);
    expect(again.accounts.get(to)?.lamports).toBe(7_000_000n);
  });

  test('refuses work after its end', async () => {
    const { store } = testStore();
    const ledger = await open(store, genesisOf());
    await ledger[Symbol.asyncDispose]();
    await expect(ledger.advance()).rejects.toThrow(new KarmeshError('ABORTED', 'The cluster has stopped.'));
  });
});
