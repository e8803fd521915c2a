import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Address } from '@karmesh/sdk/program';
import type { VerifySignature } from '@karmesh/sdk/protocol';
import bs58 from 'bs58';
import { readSignInMessage, signInMessage } from './signInMessage.ts';

/** How long a challenge may be signed, in milliseconds. */
export const CHALLENGE_MS = 300_000;
/** How far the clocks of two gateways of one database may be apart, in milliseconds. */
export const CLOCK_SKEW_MS = 30_000;
const RANDOM_BYTES = 16;
/** Of the HMAC: nobody can search 2^128 codes at a gateway. */
const CODE_BYTES = 16;

export type Challenge = { readonly message: string; readonly expiresAtMs: number };

/** A challenge that its wallet has signed. */
export type MetChallenge = {
  readonly wallet: Address;
  /** 32 bytes that no other challenge has. */
  readonly nonce: Uint8Array;
  readonly expiresAtMs: number;
};

export type ChallengeVerdict =
  | ({ readonly verdict: 'met' } & MetChallenge)
  | { readonly verdict: 'not-issued' | 'expired' | 'not-signed' };

/**
 * Issues challenges without storing them: half of a nonce is random, the other half a code of it and of everything else that the message says, under a
 * secret that the gateways of a database share.
 */
export const challenges = (parts: {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  readonly genesis: Uint8Array;
  readonly verify: VerifySignature;
  readonly clock: { nowMs(): number };
}) => {
  const { clock, genesis, secret, verify } = parts;
  const messageOf = (terms: {
    readonly origin: string;
    readonly wallet: Address;
    readonly nonce: string;
    readonly issuedAtMs: number;
  }): string => signInMessage({ ...terms, genesis, expiresAtMs: terms.issuedAtMs + CHALLENGE_MS });
  const codeOf = (message: string): Buffer =>
    createHmac('sha256', secret).update(message).digest().subarray(0, CODE_BYTES);

  return {
    issue({ origin, wallet }: { readonly origin: string; readonly wallet: Address }): Challenge {
      const issuedAtMs = clock.nowMs();
      const random = randomBytes(RANDOM_BYTES).toString('hex');
      const terms = { origin, wallet, issuedAtMs };
      const code = codeOf(messageOf({ ...terms, nonce: random })).toString('hex');
      return { message: messageOf({ ...terms, nonce: random + code }), expiresAtMs: issuedAtMs + CHALLENGE_MS };
    },

    /** Whether a gateway of this database issued `message` for `origin`, it may still be signed, and the wallet that it names signed it, as it stands. */
    check(answer: {
      readonly origin: string;
      readonly message: string;
      /** Base58, at most 88 characters. */
      readonly signature: string;
    }): ChallengeVerdict {
      const { message, origin } = answer;
      const read = readSignInMessage(message);
      if (read === undefined) return { verdict: 'not-issued' };
      const { wallet, nonce, issuedAtMs } = read;
      const terms = { origin, wallet, issuedAtMs };
      // Whatever the message says is what this gateway says, to the last byte, before any part of it counts.
      if (messageOf({ ...terms, nonce }) !== message) return { verdict: 'not-issued' };
      const bytes = Buffer.from(nonce, 'hex');
      const code = codeOf(messageOf({ ...terms, nonce: nonce.slice(0, 2 * RANDOM_BYTES) }));
      if (!timingSafeEqual(bytes.subarray(RANDOM_BYTES), code)) return { verdict: 'not-issued' };
      const nowMs = clock.nowMs();
      const expiresAtMs = issuedAtMs + CHALLENGE_MS;
      if (nowMs >= expiresAtMs || issuedAtMs - nowMs > CLOCK_SKEW_MS) return { verdict: 'expired' };
      const signature = bs58.decodeUnsafe(answer.signature);
      const isSigned =
        signature !== undefined && verify({ message: new TextEncoder().encode(message), signature, identity: wallet });
      return isSigned
        ? { verdict: 'met', wallet, nonce: new Uint8Array(bytes), expiresAtMs }
        : { verdict: 'not-signed' };
    },
  };
};
