import type { Signer } from '@karmesh/sdk';
import type { Clock } from '@karmesh/sdk/clock';
import {
  type Domain,
  type EscrowAddress,
  type Participant,
  type RequestId,
  type Signed,
  signRecord,
  type Ticket,
  ticketRecord,
} from '@karmesh/sdk/protocol';

export type TicketOrder = {
  readonly requestId: RequestId;
  /** L-01. */
  readonly lane: number;
  readonly escrow: EscrowAddress;
  /** Lamports. */
  readonly priceCap: bigint;
  /** M-01. */
  readonly unitPrice: bigint;
};

/**
 * Issues tickets (F-20) with consecutive numbers from the last stored one on and times that never run backwards (E-36). A ticket is
 * stored and leaves the process with its dispatch; one that never gets there leaves a gap, or its number to the next process.
 */
export const ticketIssuer = (
  parts: {
    readonly domain: Domain;
    readonly gateway: Participant;
    readonly signer: Signer;
    readonly clock: Pick<Clock, 'nowMs'>;
  },
  /** `lastNumber` is the greatest in the gateway's log, which knows tickets that never came to a dispatch. */
  stored: { readonly last: Ticket | undefined; readonly lastNumber: bigint },
) => {
  let { last } = stored;
  let number = last === undefined || stored.lastNumber > last.ticketNumber ? stored.lastNumber : last.ticketNumber;
  return {
    issue: ({ requestId, lane, escrow, priceCap, unitPrice }: TicketOrder): Signed<Ticket> => {
      const now = BigInt(parts.clock.nowMs());
      const signed = signRecord(ticketRecord, parts, {
        requestId,
        gateway: parts.gateway,
        ticketNumber: number + 1n,
        lane,
        priceCap,
        unitPrice,
        escrow,
        issuedAtMs: last === undefined || now > last.issuedAtMs ? now : last.issuedAtMs,
      });
      last = signed.value;
      number = last.ticketNumber;
      return signed;
    },
  };
};
