import { type ChainView, type ProgramClient, programErrorName, redeemVoucher } from '@karmesh/sdk/program';
import type { Domain } from '@karmesh/sdk/protocol';
import type { VoucherRedeemerParts } from './voucherRedeemer.ts';

const CONFIRM_MS = 15_000;

/** Shows a voucher to the chain (P-39), and reads back what it knows then. */
export const showVoucher =
  (parts: {
    readonly client: Pick<ProgramClient, 'addresses' | 'send'>;
    readonly view: Pick<ChainView, 'escrow' | 'refresh'>;
    readonly domain: Domain;
  }): VoucherRedeemerParts['redeem'] =>
  async (voucher, { signal }) => {
    const { client, domain, view } = parts;
    const buyer = view.escrow(voucher.value.escrow)?.buyer;
    if (buyer === undefined) return;
    try {
      await client.send(redeemVoucher(client.addresses, { domain, buyer, voucher }), { signal, timeoutMs: CONFIRM_MS });
    } catch (cause) {
      // An earlier attempt, or somebody else, was faster.
      if (programErrorName(cause) !== 'VoucherOutdated') throw cause;
    }
    await view.refresh({ signal });
  };
