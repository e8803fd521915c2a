import { createHash, randomBytes } from 'node:crypto';
import { type Address, toBase58 } from '@karmesh/sdk/program';
import type { Sql } from '../store/db.ts';
import { CLOCK_SKEW_MS, type MetChallenge } from './challenges.ts';

/** What a session's token begins with, which secret scanners can look for. */
export const TOKEN_PREFIX = 'karmesh-session-';

/** 256 random bits behind the prefix. */
const generateToken = (): string => `${TOKEN_PREFIX}${randomBytes(32).toString('base64url')}`;
/** What is stored of a token. */
const hashToken = (token: string): Uint8Array => new Uint8Array(createHash('sha256').update(token).digest());

/** Sessions of a wallet at once; one more ends the oldest. */
const MAX_SESSIONS = 8;
/** Challenges that a wallet may use within their life. */
const MAX_CHALLENGES = 32;
const MS_PER_HOUR = 3_600_000n;
/** The account that a log-in makes is named for its wallet. */
const ACCOUNT_PREFIX = 'wallet:';

/** The secret of challenges, 32 bytes, the same for every gateway of the database; made by the first that asks. */
export async function challengeSecret(sql: Sql): Promise<Uint8Array> {
  await sql
    .insertInto('challenge_secret')
    .values({ id: 1, secret: new Uint8Array(randomBytes(32)) })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return (await sql.selectFrom('challenge_secret').select('secret').executeTakeFirstOrThrow()).secret;
}

export type OpenedSession = {
  readonly verdict: 'opened';
  readonly token: string;
  readonly expiresAtMs: bigint;
  /** The account's name. */
  readonly account: string;
};

export type SessionVerdict = OpenedSession | { readonly verdict: 'used' | 'too-often' | 'too-many-accounts' };

/**
 * Opens a session for the wallet of a challenge, once for each challenge, in one transaction. The account is the one that stands for the wallet,
 * whoever made it; a wallet without one gets one, as long as there were fewer than `maxNewAccounts` such in the last hour.
 */
export function openSession(
  sql: Sql,
  asked: {
    readonly challenge: MetChallenge;
    readonly nowMs: bigint;
    readonly lifeMs: bigint;
    readonly maxNewAccounts: number;
  },
): Promise<SessionVerdict> {
  const { challenge, nowMs, lifeMs } = asked;
  return sql.transaction().execute(async (transaction): Promise<SessionVerdict> => {
    const account =
      (await lockedAccount(transaction, challenge.wallet)) ??
      (await addWallet(transaction, { ...asked, wallet: challenge.wallet }));
    if (account === undefined) return { verdict: 'too-many-accounts' };
    const used = await transaction
      .selectFrom('used_challenges')
      .select((column) => column.fn.countAll<bigint>().as('count'))
      .where('account_id', '=', account.id)
      .where('expires_at_ms', '>', nowMs)
      .executeTakeFirstOrThrow();
    if (used.count >= MAX_CHALLENGES) return { verdict: 'too-often' };
    const taken = await transaction
      .insertInto('used_challenges')
      .values({ nonce: challenge.nonce, account_id: account.id, expires_at_ms: BigInt(challenge.expiresAtMs) })
      .onConflict((conflict) => conflict.doNothing())
      .returning('nonce')
      .executeTakeFirst();
    if (taken === undefined) return { verdict: 'used' };
    await endOldest(transaction, { accountId: account.id, nowMs });
    const token = generateToken();
    const expiresAtMs = nowMs + lifeMs;
    await transaction
      .insertInto('sessions')
      .values({
        token_hash: hashToken(token),
        account_id: account.id,
        created_at_ms: nowMs,
        expires_at_ms: expiresAtMs,
      })
      .execute();
    return { verdict: 'opened', token, expiresAtMs, account: account.name };
  });
}

type NamedAccount = { readonly id: bigint; readonly name: string };

/** The account of a wallet. Its sessions and keys are counted by one transaction at a time. */
const lockedAccount = (transaction: Sql, wallet: Address): Promise<NamedAccount | undefined> =>
  transaction
    .selectFrom('accounts')
    .select(['id', 'name'])
    .where('wallet', '=', wallet)
    .forNoKeyUpdate()
    .executeTakeFirst();

/** Undefined once there were too many new accounts in an hour. */
async function addWallet(
  transaction: Sql,
  asked: { readonly wallet: Address; readonly nowMs: bigint; readonly maxNewAccounts: number },
): Promise<NamedAccount | undefined> {
  const { wallet, nowMs } = asked;
  // New accounts come one after another, so that they can be counted.
  await transaction.selectFrom('challenge_secret').select('id').forUpdate().execute();
  const made = await transaction
    .selectFrom('accounts')
    .select((column) => column.fn.countAll<bigint>().as('count'))
    .where('wallet', 'is not', null)
    .where('name', 'like', `${ACCOUNT_PREFIX}%`)
    .where('created_at_ms', '>', nowMs - MS_PER_HOUR)
    .executeTakeFirstOrThrow();
  if (made.count < asked.maxNewAccounts)
    await transaction
      .insertInto('accounts')
      .values({
        name: `${ACCOUNT_PREFIX}${toBase58(wallet)}`,
        wallet,
        credit_limit_lamports: 0n,
        created_at_ms: nowMs,
      })
      .onConflict((conflict) => conflict.column('wallet').doNothing())
      .execute();
  return lockedAccount(transaction, wallet);
}

/** Leaves room for one session of an account. */
async function endOldest(
  transaction: Sql,
  { accountId, nowMs }: { readonly accountId: bigint; readonly nowMs: bigint },
): Promise<void> {
  const kept = await transaction
    .selectFrom('sessions')
    .select('token_hash')
    .where('account_id', '=', accountId)
    .where('expires_at_ms', '>', nowMs)
    .orderBy('created_at_ms', 'desc')
    .limit(MAX_SESSIONS - 1)
    .execute();
  await transaction
    .deleteFrom('sessions')
    .where('account_id', '=', accountId)
    .$if(kept.length > 0, (query) =>
      query.where(
        'token_hash',
        'not in',
        kept.map(({ token_hash }) => token_hash),
      ),
    )
    .execute();
}

/** Whose session a token is of, while it lasts. Asked of the database every time, so that one that has ended is over everywhere at once. */
export async function findSession(
  sql: Sql,
  asked: { readonly token: string; readonly nowMs: bigint },
): Promise<{ readonly accountId: bigint } | undefined> {
  const row = await sql
    .selectFrom('sessions')
    .select('account_id')
    .where('token_hash', '=', hashToken(asked.token))
    .where('expires_at_ms', '>', asked.nowMs)
    .executeTakeFirst();
  return row === undefined ? undefined : { accountId: row.account_id };
}

export async function endSession(sql: Sql, token: string): Promise<void> {
  await sql.deleteFrom('sessions').where('token_hash', '=', hashToken(token)).execute();
}

/** Forgets sessions that have ended, and challenges that no gateway's clock would accept any more. */
export async function sweepSessions(sql: Sql, nowMs: bigint): Promise<void> {
  await sql.deleteFrom('sessions').where('expires_at_ms', '<=', nowMs).execute();
  await sql
    .deleteFrom('used_challenges')
    .where('expires_at_ms', '<=', nowMs - 2n * BigInt(CLOCK_SKEW_MS))
    .execute();
}
