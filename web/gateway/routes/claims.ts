import { KarmeshError } from '@karmesh/sdk/errors';
import { type Address, addressFromBase58 } from '@karmesh/sdk/program';
import { KARMA_PARTS, toHex } from '@karmesh/sdk/protocol';
import bs58 from 'bs58';
import { Hono } from 'hono';
import type { ClaimProof, ClaimProofs, FoundClaim } from '../bundles/claimProofs.ts';
import { ApiError, invalidRequest } from '../openai/apiError.ts';

/**
 * `GET /v1/market/claims/:epoch/:participant`: what a claim against a final epoch's report shows (P-21), without a key; `latest` is the last final one. Whoever uses
 * it checks the path against the root on chain, so that the gateway's word is not needed.
 */
export const claimRoutes = (parts: { readonly claims: ClaimProofs }) =>
  new Hono().get('/v1/market/claims/:epoch/:participant', async (context) => {
    const epoch = context.req.param('epoch');
    if (!/^(\d{1,20}|latest)$/.test(epoch))
      throw invalidRequest('An epoch is a whole number of at most 20 digits, or `latest`.', 'epoch');
    const participant = readAddress(context.req.param('participant'));
    const found = await parts.claims.find({
      epoch: epoch === 'latest' ? undefined : BigInt(epoch),
      participant,
    });
    if (found.found !== 'claim' && found.found !== 'nothing') throw noClaim(found.found);
    context.header('cache-control', 'no-store');
    const ofEpoch = found.found === 'claim' ? found.claim.epoch : found.epoch;
    return context.json({
      epoch: ofEpoch?.toString() ?? null,
      participant: bs58.encode(participant),
      claim: found.found === 'claim' ? claimFacts(found.claim) : null,
    });
  });

/** Micro-karma and lamports over the participant's life. */
function claimFacts({ index, karma, owed, path, receiptsRoot }: ClaimProof) {
  return {
    index,
    lifetimeKarma: Object.fromEntries(KARMA_PARTS.map((part, i) => [part, (karma[i] ?? 0n).toString()])),
    owedLamports: owed.toString(),
    receiptsRoot: toHex(receiptsRoot),
    path: path.map(toHex),
  };
}

function readAddress(text: string): Address {
  try {
    return addressFromBase58(text);
  } catch (cause) {
    if (!(cause instanceof KarmeshError)) throw cause;
    throw invalidRequest(cause.message, 'participant');
  }
}

const REFUSALS = {
  'not-final': {
    code: 'epoch_not_final',
    message: 'This epoch is not final, so that nothing can be claimed by it.',
    param: 'epoch',
  },
  'too-old': {
    code: 'epoch_too_old',
    message: 'This epoch is too long ago; the last final one owes all that it did.',
    param: 'epoch',
  },
  nobody: {
    code: 'participant_not_found',
    message: 'The chain has no participant of this address.',
    param: 'participant',
  },
} as const;

function noClaim(why: Exclude<FoundClaim['found'], 'claim' | 'nothing'>): ApiError {
  if (why !== 'away') return new ApiError({ status: 404, type: 'invalid_request_error', ...REFUSALS[why] });
  return new ApiError({
    status: 503,
    type: 'server_error',
    code: 'report_not_found',
    message: 'No validator gave the report of this epoch in time. Try again in a moment.',
    headers: { 'retry-after': '30' },
  });
}
