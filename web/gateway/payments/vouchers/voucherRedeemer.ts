import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type EscrowAddress,
  epochOfSlot,
  escrowAvailable,
  type Signed,
  toHex,
  type Voucher,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { abortError } from '../../scheduler/abortError.ts';
import type { EscrowLedgers } from '../../scheduler/escrowLedgers.ts';
import type { MarketChain } from '../../scheduler/marketChain.ts';
import type { VoucherStore } from './voucherStore.ts';

export type VoucherRedeemer = {
  /**
   * W-09: resolves once the chain, as it was read last, would let so many lamports of an escrow be debited; shows it the greatest voucher where that is
   * needed.
   *
   * @throws KarmeshError `RPC_UNREACHABLE` when the chain did not take it, `ABORTED`.
   */
  show(order: {
    readonly escrow: EscrowAddress;
    readonly lamports: bigint;
    readonly signal: AbortSignal;
  }): Promise<void>;
  /** M-10: shows what must be there before sets close. Called as slots pass; a failure is logged and due again. */
  tick(signal: AbortSignal): Promise<void>;
  /** Lamports of entries that the chain was not shown a voucher for yet. */
  unredeemed(): Promise<bigint>;
};

export type VoucherRedeemerParts = {
  readonly chain: Pick<MarketChain, 'escrow' | 'epochClock' | 'latestSlotHash'>;
  readonly vouchers: Pick<VoucherStore, 'all' | 'greatest'>;
  readonly escrows: Pick<EscrowLedgers, 'of'>;
  /** Shows a voucher (P-39) and resolves once that is confirmed and was read back. */
  readonly redeem: (voucher: Signed<Voucher>, options: { readonly signal: AbortSignal }) => Promise<void>;
  readonly onRedeemed?: (outcome: 'shown' | 'failed') => void;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
};

/** In this last part of an epoch its entries must be covered: enough for some attempts, and late enough to show one voucher for most of them. */
const LAST_PART = 4n;
/** One voucher of an escrow in so many slots, while its epoch lasts. */
const BATCH_SLOTS = 16n;
/** Once its epoch is over its set may close at any moment. */
const RETRY_SLOTS = 2n;

/**
 * Shows vouchers to the chain. A set's escrows are listed with what was authorised when it closed (M-02), so that an epoch's entries are covered in its
 * last quarter, and those of earlier epochs at once; the greatest voucher covers what runs, too.
 */
export function voucherRedeemer(parts: VoucherRedeemerParts): VoucherRedeemer {
  const { chain, escrows, log, vouchers } = parts;
  const running = new Map<string, Promise<void>>();
  const lastSlot = new Map<string, bigint>();
  let ticking: Promise<void> | undefined;

  const redeemNow = async (voucher: Signed<Voucher>): Promise<void> => {
    const { cumulative, escrow } = voucher.value;
    const facts = { escrow: toHex(escrow), cumulative: cumulative.toString() };
    try {
      await parts.redeem(voucher, { signal: parts.signal });
      parts.onRedeemed?.('shown');
      log.info(facts, 'Showed a voucher to the chain.');
    } catch (err) {
      parts.onRedeemed?.('failed');
      throw new KarmeshError('RPC_UNREACHABLE', 'The voucher could not be shown to the chain.', {}, err);
    }
  };

  /** One transaction of an escrow at a time. */
  const redeem = (voucher: Signed<Voucher>): Promise<void> => {
    const name = toHex(voucher.value.escrow);
    const under = running.get(name);
    if (under !== undefined) return under;
    const began = redeemNow(voucher).finally(() => running.delete(name));
    running.set(name, began);
    return began;
  };

  const isShown = (escrow: EscrowAddress, lamports: bigint): boolean => {
    const account = chain.escrow(escrow);
    return account !== undefined && escrowAvailable(account) >= lamports;
  };

  /** M-10: whether an escrow's entries need more than the chain was shown, now. */
  const isDue = async ({ escrow }: Voucher, slot: bigint): Promise<boolean> => {
    const authorised = chain.escrow(escrow)?.authorised;
    const { epochZeroSlot, slotsPerEpoch } = chain.epochClock();
    const epoch = epochOfSlot(chain.epochClock(), slot);
    if (authorised === undefined || epochZeroSlot === undefined || epoch === undefined) return false;
    const ledger = await escrows.of(escrow);
    const last = lastSlot.get(toHex(escrow));
    const isOver = (slots: bigint): boolean => last === undefined || slot >= last + slots;
    if ((ledger.owed(epoch) ?? 0n) > authorised) return isOver(RETRY_SLOTS);
    const left = slotsPerEpoch - ((slot - epochZeroSlot) % slotsPerEpoch);
    return left <= slotsPerEpoch / LAST_PART && isOver(BATCH_SLOTS) && (ledger.owed() ?? 0n) > authorised;
  };

  const tickOnce = async (signal: AbortSignal): Promise<void> => {
    const slot = chain.latestSlotHash()?.slot;
    if (slot === undefined) return;
    for (const voucher of vouchers.all()) {
      if (signal.aborted) return;
      const { cumulative, escrow } = voucher.value;
      try {
        if (cumulative <= (chain.escrow(escrow)?.authorised ?? cumulative) || !(await isDue(voucher.value, slot)))
          continue;
        lastSlot.set(toHex(escrow), slot);
        await redeem(voucher);
      } catch (err) {
        if (!signal.aborted)
          log.warn(
            { err, escrow: toHex(escrow) },
            'A voucher could not be shown to the chain; it will be tried again.',
          );
      }
    }
  };

  return {
    async show({ escrow, lamports, signal }) {
      // What is under way may be an older voucher; after two there is none that says less.
      for (let attempt = 0; attempt < 2 && !isShown(escrow, lamports); attempt++) {
        const voucher = vouchers.greatest(escrow);
        if (voucher === undefined) break;
        await Promise.race([redeem(voucher), whenAborted(signal)]);
      }
      if (!isShown(escrow, lamports))
        throw new KarmeshError('RPC_UNREACHABLE', 'The chain does not show yet what the voucher authorises.', {
          lamports,
        });
    },
    tick(signal) {
      ticking ??= tickOnce(signal).finally(() => {
        ticking = undefined;
      });
      return ticking;
    },
    async unredeemed() {
      let sum = 0n;
      for (const { value } of vouchers.all()) {
        const authorised = chain.escrow(value.escrow)?.authorised;
        const owed = (await escrows.of(value.escrow)).owed();
        if (authorised !== undefined && owed !== undefined && owed > authorised) sum += owed - authorised;
      }
      return sum;
    },
  };
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(abortError(signal));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
