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
import type { KeyHash } from '../store/apiKeys.ts';
import type { Db } from '../store/openDatabase.ts';
import { insertTicket, lastTicket } from '../store/tickets.ts';
import { serially } from './serially.ts';

export type TicketOrder = {
  readonly requestId: RequestId;
  readonly escrow: EscrowAddress;
  readonly priceCap: bigint;
  readonly keyHash: KeyHash;
};

/** There is one lane; the six of the design come with their prices. */
const ONLY_LANE = 0;

/**
 * Issues tickets (F-20) with consecutive numbers and times that never run backwards (E-36). A ticket is on disk before it is
 * returned; after one that could not be stored the database says what the next number is.
 */
export const ticketIssuer = (parts: {
  readonly db: Db;
  readonly domain: Domain;
  readonly gateway: Participant;
  readonly signer: Signer;
  readonly clock: Clock;
}) => {
  const inOrder = serially();
  // This process is the database's only writer, so what it wrote last need not be read again.
  let written: { readonly last: Ticket | undefined } | undefined;
  return {
    issue: ({ requestId, escrow, priceCap, keyHash }: TicketOrder): Promise<Signed<Ticket>> =>
      inOrder(async () => {
        const { last } = written ?? { last: (await lastTicket(parts.db))?.value };
        written = undefined;
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
        await insertTicket(parts.db, { signed, keyHash });
        written = { last: signed.value };
        return signed;
      }),
  };
};
