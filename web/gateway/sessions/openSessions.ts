import type { Address } from '@karmesh/sdk/program';
import type { VerifySignature } from '@karmesh/sdk/protocol';
import type { Sql } from '../store/db.ts';
import { type Challenge, type ChallengeVerdict, challenges } from './challenges.ts';
import {
  challengeSecret,
  endSession,
  findSession,
  type OpenedSession,
  openSession,
  type SessionVerdict,
  sweepSessions,
} from './sessionStore.ts';

export type Refusal = Exclude<ChallengeVerdict['verdict'], 'met'> | Exclude<SessionVerdict['verdict'], 'opened'>;

export type SignedMessage = {
  /** Where the client thinks that the gateway is, as the gateway itself knows it. */
  readonly origin: string;
  readonly message: string;
  /** Base58. */
  readonly signature: string;
};

/** Wallets that log in: a message to sign, a session for its signature, and whose session a token is. */
export type Sessions = {
  challenge(asked: { readonly origin: string; readonly wallet: Address }): Challenge;
  open(signed: SignedMessage): Promise<(OpenedSession & { readonly wallet: Address }) | { readonly verdict: Refusal }>;
  find(token: string): Promise<{ readonly accountId: bigint } | undefined>;
  end(token: string): Promise<void>;
  /** Forgets what has ended. */
  sweep(): Promise<void>;
};

/** `lifeMs` is how long a session lasts; `maxNewAccounts` how many wallets may get an account by logging in within an hour. */
export const openSessions =
  (options: { readonly lifeMs: number; readonly maxNewAccounts: number }) =>
  async (parts: {
    readonly sql: Sql;
    readonly genesis: Uint8Array;
    readonly verify: VerifySignature;
    readonly clock: { nowMs(): number };
  }): Promise<Sessions> => {
    const { clock, sql } = parts;
    const { maxNewAccounts } = options;
    const { check, issue } = challenges({ ...parts, secret: await challengeSecret(sql) });
    const now = (): bigint => BigInt(clock.nowMs());
    return {
      challenge: issue,
      async open(signed) {
        const challenge = check(signed);
        if (challenge.verdict !== 'met') return challenge;
        const lifeMs = BigInt(options.lifeMs);
        const opened = await openSession(sql, { challenge, nowMs: now(), lifeMs, maxNewAccounts });
        return opened.verdict === 'opened' ? { ...opened, wallet: challenge.wallet } : { verdict: opened.verdict };
      },
      find: (token) => findSession(sql, { token, nowMs: now() }),
      end: (token) => endSession(sql, token),
      sweep: () => sweepSessions(sql, now()),
    };
  };
