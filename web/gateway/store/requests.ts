import { decode, encode, type InferenceRequest, inferenceRequestCodec, type RequestId } from '@karmesh/sdk/protocol';
import type { Db } from './openDatabase.ts';

/** The canonical request of a bundle, while it is kept. */
export async function findRequest(db: Db, requestId: RequestId): Promise<InferenceRequest | undefined> {
  const row = await db
    .selectFrom('requests')
    .select('canonical')
    .where('request_id', '=', requestId)
    .executeTakeFirst();
  return row === undefined ? undefined : decode(inferenceRequestCodec, row.canonical);
}

export type KeptRequest = {
  readonly requestId: RequestId;
  readonly request: InferenceRequest;
  readonly expiresAtMs: bigint;
};

export async function keepRequest(db: Db, kept: KeptRequest): Promise<void> {
  await db
    .insertInto('requests')
    .values({
      request_id: kept.requestId,
      canonical: encode(inferenceRequestCodec, kept.request),
      expires_at_ms: kept.expiresAtMs,
    })
    .execute();
}

/** Forgets the prompts whose time is over; how many there were. */
export async function forgetRequests(db: Db, nowMs: bigint): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('requests')
    .where('expires_at_ms', '<=', nowMs)
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}
