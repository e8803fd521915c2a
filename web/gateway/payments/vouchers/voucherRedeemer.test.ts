import { signVoucher } from '@karmesh/sdk/client';
import { generateKeypair, logger } from '@karmesh/sdk/runtime';
import { expect, test, vi } from 'vitest';
import { bytes } from '../../fixtures/tinyModel.ts';
import { type EscrowLedgers, openEscrowLedgers } from '../../scheduler/escrowLedgers.ts';
import { openTestDatabase } from '../../store/fixtures/testDatabase.ts';
import { voucherRedeemer } from './voucherRedeemer.ts';

const ESCROW = bytes(32, 7);
const silent = logger({ name: 'gateway', level: 'silent' })();

/** Epochs of 100 slots from slot 0 on; the chain takes vouchers as soon as they are shown, but for as many attempts as `fails` says. */
async function redeeming(cumulative: bigint) {
  await using stack = new AsyncDisposableStack();
  const { db } = stack.use(await openTestDatabase());
  const state = { slot: 10n, fails: 0 };
  const account = { balance: 10_000n, authorised: 0n, cumulativeDebit: 0n };
  const voucher = signVoucher({ domain: bytes(32, 1), signer: generateKeypair(), escrow: ESCROW, cumulative });
  const chain = {
    escrow: () => account,
    lastFinalisedEpoch: () => undefined,
    latestSlotHash: () => ({ slot: state.slot, hash: bytes(32, 0) }),
    epochClock: () => ({ epochZeroSlot: 0n, slotsPerEpoch: 100n }),
  };
  const escrows: EscrowLedgers = await openEscrowLedgers({
    db,
    chain,
    escrow: bytes(32, 9),
    voucherOf: () => cumulative,
  });
  const shown: bigint[] = [];
  const outcomes: string[] = [];
  const ended = new AbortController();
  const redeemer = voucherRedeemer({
    chain,
    escrows,
    vouchers: { all: () => [voucher], greatest: () => voucher },
    async redeem({ value }) {
      if (state.fails-- > 0) throw new Error('The node does not answer.');
      shown.push(state.slot);
      account.authorised = value.cumulative;
    },
    onRedeemed: (outcome) => outcomes.push(outcome),
    log: silent,
    signal: ended.signal,
  });
  const tickAt = async (slot: bigint): Promise<readonly bigint[]> => {
    state.slot = slot;
    await redeemer.tick(ended.signal);
    return [...shown];
  };
  const owned = stack.move();
  return {
    ...{ account, outcomes, redeemer, state, tickAt, ledger: await escrows.of(ESCROW) },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test('M-10: what entries need is shown in the last quarter of their epoch, and no sooner than it is needed', async () => {
  await using it = await redeeming(500n);
  expect(await it.tickAt(90n)).toEqual([]);
  it.ledger.spend({ epoch: 1n, price: 300n });
  expect(await it.tickAt(174n)).toEqual([]);
  expect(await it.redeemer.unredeemed()).toBe(300n);
  expect(await it.tickAt(175n)).toEqual([175n]);
  expect([it.account.authorised, await it.redeemer.unredeemed()]).toEqual([500n, 0n]);
  it.ledger.spend({ epoch: 1n, price: 200n });
  expect(await it.tickAt(199n)).toEqual([175n]);
});

test('M-10: once an epoch is over what its entries need is shown at once, and again until the chain takes it', async () => {
  await using it = await redeeming(500n);
  it.ledger.spend({ epoch: 0n, price: 300n });
  it.state.fails = 2;
  expect(await it.tickAt(100n)).toEqual([]);
  expect(await it.tickAt(101n)).toEqual([]);
  expect(it.outcomes).toEqual(['failed']);
  expect(await it.tickAt(102n)).toEqual([]);
  expect(await it.tickAt(104n)).toEqual([104n]);
  expect(it.outcomes).toEqual(['failed', 'failed', 'shown']);
});

test('W-09: a request waits until the chain knows enough, with others in one transaction, and ends when it is left', async () => {
  await using it = await redeeming(500n);
  const signal = new AbortController().signal;
  const show = (lamports: bigint) => it.redeemer.show({ escrow: ESCROW, lamports, signal });
  await Promise.all([show(100n), show(500n)]);
  await show(500n);
  expect(it.outcomes).toEqual(['shown']);
  await expect(show(501n)).rejects.toMatchObject({ code: 'RPC_UNREACHABLE' });
  it.account.authorised = 0n;
  const left = new AbortController();
  left.abort();
  await expect(it.redeemer.show({ escrow: ESCROW, lamports: 1n, signal: left.signal })).rejects.toMatchObject({
    code: 'ABORTED',
  });
  await vi.waitUntil(() => it.account.authorised === 500n);
});
