import { randomBytes } from 'node:crypto';
import type { Clock } from '@karmesh/sdk/clock';
import type { RequestId } from '@karmesh/sdk/protocol';
import { sql as fragment } from 'kysely';
import { z } from 'zod';
import type { KeyHash } from './apiKeys.ts';
import { type Db, ownGateway } from './db.ts';

/** A request that its sender may repeat under a `key` of its own; `bodyHash` tells whether it is the same one. */
export type IdempotencyEntry = { readonly keyHash: KeyHash; readonly key: string; readonly bodyHash: Uint8Array };

/** One try of it: 16 random bytes tell it from one that takes the key later. */
export type IdempotencyRun = IdempotencyEntry & { readonly run: Uint8Array };

const storedResponse = z.strictObject({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
});

/** An answer as it went out. */
export type StoredResponse = Readonly<z.output<typeof storedResponse>>;

/** `cut`: the process that answered ended, or failed, before it had kept the answer, which the request's bundle has. */
export type IdempotencyState =
  | { readonly kind: 'fresh'; readonly run: Uint8Array }
  | { readonly kind: 'running'; readonly bodyHash: Uint8Array }
  | { readonly kind: 'cut'; readonly bodyHash: Uint8Array; readonly requestId: RequestId }
  | { readonly kind: 'done'; readonly bodyHash: Uint8Array; readonly response: StoredResponse };

export type IdempotencyOptions = {
  /** How long a request may run before its key may be used anew, in milliseconds. */
  readonly leaseMs: number;
  /** How long its answer is kept. */
  readonly keepMs: number;
  /** Answers kept for one API key; of more the newest are. */
  readonly maxKept: number;
  /** Their bytes together. */
  readonly maxKeptBytes: number;
};

/**
 * Idempotency keys of all gateways that share the database. A request whose time is over, or whose process another has replaced, is forgotten, unless
 * it was answered and its bundle is still there.
 */
export const idempotencyKeys =
  (options: IdempotencyOptions) => (parts: { readonly db: Db; readonly clock: Pick<Clock, 'nowMs'> }) => {
    const { db, clock } = parts;
    const untilMs = (ms: number): bigint => BigInt(clock.nowMs() + ms);
    /** Whether nobody works on a request any more, of one without an answer here. */
    const isLeft = () => fragment<boolean>`(idempotency.expires_at_ms <= ${BigInt(clock.nowMs())} or exists (
      select from gateways where participant = idempotency.gateway and gateways.fence <> idempotency.fence
    ))`;
    const hasBundle = fragment<boolean>`exists (select from requests where requests.request_id = idempotency.request_id)`;
    const isOver = () => fragment<boolean>`case when idempotency.response is null then ${isLeft()} and not ${hasBundle}
      else idempotency.expires_at_ms <= ${BigInt(clock.nowMs())} end`;

    return {
      /** Takes the key in one step unless it is taken; to one caller alone it is `fresh`. */
      async begin({ keyHash, key, bodyHash }: IdempotencyEntry): Promise<IdempotencyState> {
        const run = new Uint8Array(randomBytes(16));
        for (;;) {
          const fresh = await db.sql
            .insertInto('idempotency')
            .values({
              key_hash: keyHash,
              key,
              body_hash: bodyHash,
              gateway: ownGateway(db),
              fence: db.fence,
              run,
              request_id: null,
              response: null,
              expires_at_ms: untilMs(options.leaseMs),
            })
            .onConflict((conflict) =>
              conflict
                .columns(['key_hash', 'key'])
                .doUpdateSet((column) => ({
                  body_hash: column.ref('excluded.body_hash'),
                  gateway: column.ref('excluded.gateway'),
                  fence: column.ref('excluded.fence'),
                  run: column.ref('excluded.run'),
                  request_id: null,
                  response: null,
                  expires_at_ms: column.ref('excluded.expires_at_ms'),
                }))
                .where(isOver()),
            )
            .returning('key')
            .executeTakeFirst();
          if (fresh !== undefined) return { kind: 'fresh', run };
          const known = await db.sql
            .selectFrom('idempotency')
            .select(['body_hash', 'response', 'request_id', isLeft().as('is_left')])
            .where('key_hash', '=', keyHash)
            .where('key', '=', key)
            .executeTakeFirst();
          // It may have been forgotten in between.
          if (known === undefined) continue;
          const { body_hash, is_left, request_id, response } = known;
          if (response !== null)
            return { kind: 'done', bodyHash: body_hash, response: storedResponse.parse(JSON.parse(response)) };
          return is_left && request_id !== null
            ? { kind: 'cut', bodyHash: body_hash, requestId: request_id }
            : { kind: 'running', bodyHash: body_hash };
        }
      },

      /** Says which request a run became, so that a kill does not lose it. */
      async name({ keyHash, key, run }: IdempotencyRun, requestId: RequestId): Promise<void> {
        await db.sql
          .updateTable('idempotency')
          .set({ request_id: requestId })
          .where((column) => column.and({ key_hash: keyHash, key, run }))
          .execute();
      },

      /** Keeps the answer for whoever repeats the request, unless the key was taken anew since the run began. */
      async finish({ keyHash, key, run }: IdempotencyRun, response: StoredResponse): Promise<void> {
        await db.sql
          .updateTable('idempotency')
          .set({ response: JSON.stringify(response), expires_at_ms: untilMs(options.keepMs) })
          .where((column) => column.and({ key_hash: keyHash, key, run }))
          .where('response', 'is', null)
          .execute();
      },

      /** Gives the key back: the run had no answer that could be told again. One whose bundle has its answer, which is owed, is `cut` from now on. */
      async forget({ keyHash, key, run }: IdempotencyRun): Promise<void> {
        await db.sql
          .updateTable('idempotency')
          .set({ expires_at_ms: untilMs(0) })
          .where((column) => column.and({ key_hash: keyHash, key, run }))
          .where('response', 'is', null)
          .where(hasBundle)
          .execute();
        await db.sql
          .deleteFrom('idempotency')
          .where((column) => column.and({ key_hash: keyHash, key, run }))
          .where('response', 'is', null)
          .where((column) => column.not(hasBundle))
          .execute();
      },

      /** Deletes what is over, and what is more than one API key may have kept; how many there were. */
      async sweep(): Promise<number> {
        const over = await db.sql.deleteFrom('idempotency').where(isOver()).executeTakeFirstOrThrow();
        const more = await fragment`
          delete from idempotency using (
            select key_hash, key, row_number() over newest as place, sum(octet_length(response)) over newest as bytes
            from idempotency where response is not null
            window newest as (partition by key_hash order by expires_at_ms desc, key)
          ) as kept
          where idempotency.key_hash = kept.key_hash and idempotency.key = kept.key
            and (kept.place > ${options.maxKept} or kept.bytes > ${options.maxKeptBytes})`.execute(db.sql);
        return Number(over.numDeletedRows) + Number(more.numAffectedRows ?? 0n);
      },
    };
  };
