import { KarmeshError } from '@karmesh/sdk/errors';
import { type EscrowAccount, NONE, toBase58 } from '@karmesh/sdk/program';
import {
  checkRecord,
  type Domain,
  decode,
  type EscrowAddress,
  equalBytes,
  fromHex,
  type HeaderCodec,
  orderedRequestHash,
  orderRecord,
  type Participant,
  type Signed,
  signedCodec,
  type VerifySignature,
  type Voucher,
  voucherRecord,
} from '@karmesh/sdk/protocol';
import type { MarketRequest } from '../../market.ts';
import { ApiError, invalidRequest } from '../../openai/apiError.ts';
import type { EscrowLedgers } from '../../scheduler/escrowLedgers.ts';
import type { FoundKey } from '../../store/apiKeys.ts';
import { worstCase } from '../x402/requirements.ts';
import type { VoucherStore } from './voucherStore.ts';

/** Headers of a request whose buyer's escrow pays, both signed records in hexadecimal. */
export const ORDER_HEADER = 'x-karmesh-order';
export const VOUCHER_HEADER = 'x-karmesh-voucher';

export type OrderedRequest = {
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
  /** `x-karmesh-order`. */
  readonly order: string | undefined;
};

export type Buyer = FoundKey & { readonly escrow: EscrowAddress };

export type VoucherDoor = {
  /**
   * M-08: whose request this is, by its order.
   *
   * @throws ApiError 400 for what cannot be read, 401 for an order that its buyer did not sign for this request and this moment, 402 for an escrow that
   * cannot pay here.
   */
  identify(request: OrderedRequest): Promise<Buyer>;
  /**
   * M-09: keeps the voucher and says whether the escrow covers these requests.
   *
   * @throws ApiError as `identify`; KarmeshError `VOUCHER_SHORT`, `CREDIT_SHORT`.
   */
  pay(
    request: OrderedRequest & { readonly voucher: string | undefined },
    requests: readonly MarketRequest[],
  ): Promise<Buyer>;
};

export type VoucherDoorParts = {
  readonly domain: Domain;
  readonly gateway: Participant;
  /** The escrow that pays for credits, and for nobody's own requests. */
  readonly ownEscrow: EscrowAddress;
  readonly verify: VerifySignature;
  readonly clock: { nowMs(): number };
  /** As it was read from the chain some moments ago. */
  escrow(address: EscrowAddress): Pick<EscrowAccount, 'buyer' | 'gateway' | 'withdrawAfterEpoch'> | undefined;
  readonly vouchers: VoucherStore;
  readonly escrows: Pick<EscrowLedgers, 'of'>;
  unitPriceOf(lane: number): bigint;
};

/** An order is for its moment, give or take so much: both clocks are somebody's own. */
const ORDER_MS = 60_000;
/** The tables hold no more, and there are not as many lamports. */
const MAX_CUMULATIVE = 2n ** 63n - 1n;

/** Requests that their buyer's own escrow pays for: an order says who asks, a voucher how much the escrow may be debited in all. */
export const voucherDoor = (parts: VoucherDoorParts): VoucherDoor => {
  const { clock, domain, escrows, gateway, ownEscrow, unitPriceOf, verify, vouchers } = parts;

  const isSigned = <T>(record: HeaderCodec<T>, identity: Uint8Array, signed: Signed<T>): boolean =>
    checkRecord(record, { domain, identity, verify }, signed);

  const payingEscrow = (address: EscrowAddress) => {
    const account = parts.escrow(address);
    const facts = toBase58(address);
    if (account === undefined)
      throw unpayable('escrow_unknown', `This gateway has seen no escrow ${facts} on the chain yet.`);
    if (!equalBytes(account.gateway, gateway))
      throw unpayable('escrow_of_another_gateway', `The escrow ${facts} pays another gateway.`);
    if (equalBytes(address, ownEscrow))
      throw unpayable('escrow_of_the_gateway', `The escrow ${facts} pays for credits, not for requests of its buyer.`);
    return account;
  };

  const identified = (request: OrderedRequest) => {
    const order = read(orderRecord, ORDER_HEADER, request.order ?? '');
    const account = payingEscrow(order.value.escrow);
    if (!isSigned(orderRecord, account.buyer, order))
      throw refused('The order is not signed by the buyer of this escrow, for this cluster.');
    if (!equalBytes(order.value.requestHash, orderedRequestHash(request)))
      throw refused('The order is for another request.');
    const nowMs = BigInt(clock.nowMs());
    const ageMs = nowMs - order.value.atMs;
    if (ageMs > ORDER_MS || ageMs < -ORDER_MS)
      throw refused(`The order is of another time: here it is ${nowMs} milliseconds after 1970.`);
    return { escrow: order.value.escrow, account };
  };

  const keep = async (
    header: string,
    buyer: { readonly escrow: EscrowAddress; readonly account: { readonly buyer: Uint8Array } },
  ) => {
    const voucher: Signed<Voucher> = read(voucherRecord, VOUCHER_HEADER, header);
    if (!equalBytes(voucher.value.escrow, buyer.escrow))
      throw invalidRequest('The voucher is of another escrow than the order.', VOUCHER_HEADER);
    if (!isSigned(voucherRecord, buyer.account.buyer, voucher))
      throw refused('The voucher is not signed by the buyer of this escrow, for this cluster.');
    if (voucher.value.cumulative > MAX_CUMULATIVE)
      throw invalidRequest(`A voucher is over at most ${MAX_CUMULATIVE} lamports here.`, VOUCHER_HEADER);
    await vouchers.keep(voucher, BigInt(clock.nowMs()));
  };

  const buyerOf = async (escrow: EscrowAddress): Promise<Buyer> => ({
    escrow,
    ...(await vouchers.payerOf(escrow, BigInt(clock.nowMs()))),
  });

  return {
    identify: async (request) => buyerOf(identified(request).escrow),
    async pay(request, requests) {
      const { account, escrow } = identified(request);
      if (account.withdrawAfterEpoch !== NONE)
        throw unpayable('escrow_withdrawing', `The escrow ${toBase58(escrow)} is being withdrawn.`);
      const buyer = await buyerOf(escrow);
      if (request.voucher !== undefined) await keep(request.voucher, { escrow, account });
      const [first] = requests;
      if (first === undefined) throw invalidRequest('The request asks for nothing.', null);
      // The scheduler sets it aside by the same ledger; here it is told before anything runs, for all choices together.
      (await escrows.of(escrow)).check(worstCase(requests, first.unitPrice ?? unitPriceOf(first.lane)));
      return buyer;
    },
  };
};

function read<T>(record: HeaderCodec<T>, header: string, hex: string): Signed<T> {
  const codec = signedCodec(record);
  try {
    if (hex.length > 2 * MAX_RECORD_BYTES) throw new RangeError('The header is too long.');
    return decode(codec, fromHex(hex));
  } catch (cause) {
    if (!(cause instanceof KarmeshError || cause instanceof RangeError)) throw cause;
    throw invalidRequest(`'${header}' is a signed record in hexadecimal (docs/protocol.md, F-32 and F-35).`, header);
  }
}

const MAX_RECORD_BYTES = 256;

function unpayable(code: string, message: string): ApiError {
  return new ApiError({
    status: 402,
    type: 'insufficient_quota',
    code,
    message,
    headers: { 'x-should-retry': 'false' },
  });
}

function refused(message: string): ApiError {
  return new ApiError({ status: 401, type: 'invalid_request_error', code: 'invalid_order', message });
}
