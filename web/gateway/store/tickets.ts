import { decode, type RequestId, type Signed, signedCodec, type Ticket, ticketRecord } from '@karmesh/sdk/protocol';
import type { KeyHash } from './apiKeys.ts';
import type { Db } from './db.ts';

const signedTicket = signedCodec(ticketRecord);

/** The ticket with the greatest number, which the next one follows. */
export async function lastTicket(db: Db): Promise<Signed<Ticket> | undefined> {
  const row = await db.sql
    .selectFrom('tickets')
    .select('record')
    .where('gateway', '=', db.gateway)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : decode(signedTicket, row.record);
}

/** The ticket of a request, with the key that asked. */
export async function findTicket(
  db: Db,
  requestId: RequestId,
): Promise<{ readonly signed: Signed<Ticket>; readonly keyHash: KeyHash } | undefined> {
  const row = await db.sql
    .selectFrom('tickets')
    .select(['record', 'key_hash'])
    .where('gateway', '=', db.gateway)
    .where('request_id', '=', requestId)
    .executeTakeFirst();
  return row === undefined ? undefined : { signed: decode(signedTicket, row.record), keyHash: row.key_hash };
}
