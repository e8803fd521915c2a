import type { Signer } from '@karmesh/sdk';
import {
  agreeingReceipts,
  type Dispatch,
  type Domain,
  dispatchRecord,
  type Entry,
  type Evidence,
  evidenceHashOf,
  MAX_DRAWN,
  outcomeRecord,
  priceLamports,
  REPLICAS,
  type Signed,
  signRecord,
  type Ticket,
  type TimeoutCause,
  timeoutRecord,
  unitPriceOf,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';

type Signing = { readonly domain: Domain; readonly signer: Signer };

/** F-27: the gateway's record of a drawn worker that fell out. */
export function signTimeout(
  signing: Signing,
  timeout: {
    readonly dispatch: Dispatch;
    readonly worker: Uint8Array;
    readonly cause: TimeoutCause;
    readonly nowMs: bigint;
  },
): Evidence['timeouts'][number] {
  return signRecord(timeoutRecord, signing, {
    dispatchHash: dispatchRecord.hash(signing.domain, timeout.dispatch),
    worker: timeout.worker,
    cause: timeout.cause,
    recordedAtMs: timeout.nowMs,
  });
}

/** E-01, E-22: signs the outcome that the evidence decides, at the ticket's price (M-01) and within its cap; `listPrice` is that of the dispatch's epoch. */
export function closeEntry(
  signing: Signing,
  closing: {
    readonly ticket: Signed<Ticket>;
    readonly dispatch: Signed<Dispatch>;
    readonly evidence: Evidence;
    readonly listPrice: bigint;
    readonly activeParameters: bigint;
    readonly nowMs: bigint;
  },
): Entry {
  const { ticket, dispatch, evidence } = closing;
  const agreed = agreeingReceipts({ evidence })[0]?.receipt.value;
  const verdict: 'none' | 'agreed' = agreed === undefined ? 'none' : 'agreed';
  const price =
    agreed === undefined
      ? 0n
      : priceLamports({
          unitPrice: unitPriceOf(ticket.value, closing.listPrice),
          activeParameters: closing.activeParameters,
          promptTokens: agreed.promptTokens,
          outputTokens: agreed.outputTokens,
        });
  const latest = evidence.seals.reduce(
    (latestMs, seal) => (seal.arrivedAtMs > latestMs ? seal.arrivedAtMs : latestMs),
    dispatch.value.dispatchedAtMs,
  );
  const outcome = signRecord(outcomeRecord, signing, {
    dispatchHash: dispatchRecord.hash(signing.domain, dispatch.value),
    verdict,
    outputHash: agreed?.outputHash ?? ZERO_HASH,
    price: price < ticket.value.priceCap ? price : ticket.value.priceCap,
    evidenceHash: evidenceHashOf(evidence),
    // E-12, E-21: a clock that was set back in between must not make the outcome older than what led to it.
    finishedAtMs: closing.nowMs > latest ? closing.nowMs : latest,
  });
  return { ticket, dispatch, evidence, outcome };
}

/**
 * The evidence of a dispatch whose process ended before it did: what its workers said is lost, so each of the first that were drawn
 * gets a time-out, nothing is owed, and the number is accounted for (E-17).
 */
export function abandonedEvidence(
  signing: Signing,
  abandoned: {
    readonly dispatch: Dispatch;
    readonly drawn: readonly { readonly participant: Uint8Array }[];
    readonly nowMs: bigint;
  },
): Evidence {
  return {
    seals: [],
    receipts: [],
    refusals: [],
    timeouts: abandoned.drawn
      .slice(0, Math.min(REPLICAS, MAX_DRAWN))
      .map(({ participant }) => signTimeout(signing, { ...abandoned, worker: participant, cause: 'no-acceptance' })),
  };
}
