import {
  decode,
  encode,
  type RequestId,
  type Signed,
  signedCodec,
  type Ticket,
  ticketRecord,
} from '@karmesh/sdk/protocol';
import type { KeyHash } from './apiKeys.ts';
import type { Db } from './openDatabase.ts';

const signedTicket = signedCodec(ticketRecord);

/** The ticket with the greatest number, which the next one follows. */
export async function lastTicket(db: Db): Promise<Signed<Ticket> | undefined> {
  const row = await db.selectFrom('tickets').select('record').orderBy('number', 'desc').limit(1).executeTakeFirst();
  return row === undefined ? undefined : decode(signedTicket, row.record);
}

/** Stores a signed ticket, which may leave the process afterwards. A number that is taken fails here and is never given twice. */
export async function insertTicket(
  db: Db,
  ticket: { readonly signed: Signed<Ticket>; readonly keyHash: KeyHash },
): Promise<void> {
  const { value } = ticket.signed;
  await db
    .insertInto('tickets')
    .values({
      number: value.ticketNumber,
      request_id: value.requestId,
      record: encode(signedTicket, ticket.signed),
      key_hash: ticket.keyHash,
    })
    .execute();
}

/** The ticket of a request, with the key that asked. */
export async function findTicket(
  db: Db,
  requestId: RequestId,
): Promise<{ readonly signed: Signed<Ticket>; readonly keyHash: KeyHash } | undefined> {
  const row = await db
    .selectFrom('tickets')
    .select(['record', 'key_hash'])
    .where('request_id', '=', requestId)
    .executeTakeFirst();
  return row === undefined ? undefined : { signed: decode(signedTicket, row.record), keyHash: row.key_hash };
}
