import { KarmeshError } from '../errors.ts';
import { type EscrowAccount, NONE } from '../program/accounts.ts';
import { type Address, toBase58 } from '../program/address.ts';
import { makeDomain, type Participant } from '../protocol/index.ts';
import type { ChainReader } from './chainReader.ts';
import type { VoucherPayment } from './voucherPayer.ts';

/**
 * What the chain says of a buyer's escrow at a gateway, as `voucherPayer` needs it. `counted` is what was debited, or what the chain was shown a voucher
 * for. Throws what the reader throws, `ESCROW_SHORT` where there is no such escrow.
 */
export async function readEscrowTerms(
  reader: Pick<ChainReader, 'addresses' | 'checkCluster'> & {
    escrow(address: Address, options: { readonly signal: AbortSignal }): Promise<EscrowAccount | undefined>;
  },
  options: { readonly buyer: Uint8Array; readonly gateway: Participant; readonly signal: AbortSignal },
): Promise<Pick<VoucherPayment, 'domain' | 'escrow' | 'counted'>> {
  const { buyer, gateway, signal } = options;
  const escrow = reader.addresses.escrow(gateway, buyer);
  const [config, account] = await Promise.all([reader.checkCluster({ signal }), reader.escrow(escrow, { signal })]);
  if (account === undefined)
    throw new KarmeshError('ESCROW_SHORT', 'This buyer has no escrow at this gateway.', {
      escrow: toBase58(escrow),
      gateway: toBase58(gateway),
    });
  const { authorised, cumulativeDebit } = account;
  return {
    domain: makeDomain({ genesisHash: config.genesis, programId: reader.addresses.programId }),
    escrow,
    counted: authorised !== NONE && authorised > cumulativeDebit ? authorised : cumulativeDebit,
  };
}
