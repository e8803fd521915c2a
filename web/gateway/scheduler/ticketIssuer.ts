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
  readonly escrow: EscrowAddress;
  readonly priceCap: bigint;
};

/** There is one lane; the six of the design come with their prices. */
const ONLY_LANE = 0;

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
  stored: { readonly last: Ticket | undefined },
) => {
  let { last } = stored;
  return {
    issue: ({ requestId, escrow, priceCap }: TicketOrder): Signed<Ticket> => {
      const now = BigInt(parts.clock.nowMs());
      const signed = signRecord(ticketRecord, parts, {
        requestId,
        gateway: parts.gateway,
        ticketNumber: (last?.ticketNumber ?? 0n) + 1n,
        lane: ONLY_LANE,
        priceCap,
        escrow,
        issuedAtMs: last === undefined || now > last.issuedAtMs ? now : last.issuedAtMs,
      });
      last = signed.value;
      return signed;
    },
  };
};
