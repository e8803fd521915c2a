import {
  decode,
  encode,
  type InferenceRequest,
  inferenceRequestCodec,
  type RequestId,
  tokensCodec,
} from '@karmesh/sdk/protocol';
import type { Db } from './db.ts';

/** A prompt and its answer, as the buyer's bundle holds them. */
export type KeptRequest = {
  readonly requestId: RequestId;
  readonly request: InferenceRequest;
  readonly tokens: readonly number[];
  readonly expiresAtMs: bigint;
};

/** Undefined once it was forgotten. */
export async function findRequest(db: Db, requestId: RequestId): Promise<KeptRequest | undefined> {
  const row = await db.sql.selectFrom('requests').selectAll().where('request_id', '=', requestId).executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    requestId: row.request_id,
    request: decode(inferenceRequestCodec, row.canonical),
    tokens: decode(tokensCodec, row.tokens),
    expiresAtMs: row.expires_at_ms,
  };
}

export async function keepRequest(db: Db, kept: KeptRequest): Promise<void> {
  await db.sql
    .insertInto('requests')
    .values({
      request_id: kept.requestId,
      canonical: encode(inferenceRequestCodec, kept.request),
      tokens: encode(tokensCodec, kept.tokens),
      expires_at_ms: kept.expiresAtMs,
    })
    .execute();
}

/** Forgets one prompt and its answer. */
export async function forgetRequest(db: Db, requestId: RequestId): Promise<void> {
  await db.sql.deleteFrom('requests').where('request_id', '=', requestId).execute();
}

/** Forgets the prompts and answers whose time is over; how many there were. */
export async function forgetRequests(db: Db, nowMs: bigint): Promise<number> {
  const { numDeletedRows } = await db.sql
    .deleteFrom('requests')
    .where('expires_at_ms', '<=', nowMs)
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}
