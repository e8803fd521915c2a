import type { EpochBodies } from '@karmesh/sdk/participant';
import { type ChainView, EPOCH_STATE, NONE } from '@karmesh/sdk/program';
import {
  type ClaimPath,
  type ClaimsTree,
  type Domain,
  type Hash,
  type Lifetime,
  type Participant,
  type ReportBody,
  toHex,
  treesOfBody,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';

/** What a claim shows (P-21): a leaf of an epoch's tree of claims (T-06) and its path. */
export type ClaimProof = Lifetime & {
  readonly epoch: bigint;
  readonly receiptsRoot: Hash;
  readonly path: ClaimPath;
};

export type FoundClaim =
  | { readonly found: 'claim'; readonly claim: ClaimProof }
  /** The participant had earned nothing by then; no epoch is final yet where it is undefined. */
  | { readonly found: 'nothing'; readonly epoch: bigint | undefined }
  /** The epoch is not final (it may never be), is older than is kept, there is no such participant, or nobody served the report in time. */
  | { readonly found: 'not-final' | 'too-old' | 'nobody' | 'away' };

export type ClaimProofs = {
  /** By the last final epoch unless one is told. */
  find(wanted: { readonly epoch: bigint | undefined; readonly participant: Participant }): Promise<FoundClaim>;
};

type Claims = {
  readonly rows: ReadonlyMap<string, Lifetime & { readonly receiptsRoot: Hash }>;
  readonly tree: ClaimsTree;
};

/**
 * The claims of the last final epochs, of which the newest owes all that those before it do. However many ask, each report is fetched and its tree made once;
 * one that nobody had within `fetchMs` is asked for again after `retryMs`.
 */
export const claimProofs =
  (options: {
    /** Epochs up to the last final one whose claims are given. */
    readonly epochs: number;
    readonly fetchMs: number;
    readonly retryMs: number;
  }) =>
  (parts: {
    readonly domain: Domain;
    readonly view: Pick<ChainView, 'config' | 'epochAccount'> & { participant(address: Participant): unknown };
    readonly bodies: Pick<EpochBodies, 'report'>;
    readonly clock: { nowMs(): number };
  }): ClaimProofs => {
    const { bodies, clock, domain, view } = parts;
    const kept = new Map<bigint, { readonly claims: Promise<Claims | undefined>; missedMs: number | undefined }>();

    const fetchClaims = async (epoch: bigint): Promise<Claims | undefined> => {
      const signal = AbortSignal.timeout(options.fetchMs);
      try {
        const report = await bodies.report(epoch, { signal });
        return report === undefined ? undefined : claimsOf(domain, report.body);
      } catch (cause) {
        // Validators that are too slow count as those that do not have it.
        if (signal.aborted) return undefined;
        throw cause;
      }
    };

    const claimsIn = (epoch: bigint): Promise<Claims | undefined> => {
      const known = kept.get(epoch);
      if (known !== undefined && (known.missedMs === undefined || clock.nowMs() - known.missedMs < options.retryMs))
        return known.claims;
      const fetched = { claims: fetchClaims(epoch), missedMs: undefined as number | undefined };
      kept.set(epoch, fetched);
      fetched.claims.then(
        (claims) => {
          if (claims === undefined) fetched.missedMs = clock.nowMs();
        },
        () => kept.delete(epoch),
      );
      return fetched.claims;
    };

    return {
      async find({ participant, ...wanted }) {
        if (view.participant(participant) === undefined) return { found: 'nobody' };
        const last = view.config().lastFinalisedEpoch;
        if (last === NONE)
          return wanted.epoch === undefined ? { found: 'nothing', epoch: undefined } : { found: 'not-final' };
        const { epoch = last } = wanted;
        if (epoch > last) return { found: 'not-final' };
        const oldest = last - BigInt(options.epochs - 1);
        for (const one of kept.keys()) if (one < oldest) kept.delete(one);
        if (epoch < oldest) return { found: 'too-old' };
        if (view.epochAccount(epoch)?.state !== EPOCH_STATE.finalised) return { found: 'not-final' };
        const claims = await claimsIn(epoch);
        if (claims === undefined) return { found: 'away' };
        const row = claims.rows.get(toHex(participant));
        if (row === undefined) return { found: 'nothing', epoch };
        return { found: 'claim', claim: { ...row, epoch, path: claims.tree.path(row.index) } };
      },
    };
  };

/** Undefined for a body that does not reach its own report, which `epochBodies` does not give. */
function claimsOf(domain: Domain, body: ReportBody): Claims | undefined {
  const trees = treesOfBody(domain, body)?.trees;
  if (trees === undefined) return undefined;
  const rows = body.lifetimes.map(({ index, participant, karma, owed }) => {
    const name = toHex(participant);
    const receiptsRoot = trees.credits.get(name)?.root.hash ?? ZERO_HASH;
    return [name, { index, participant, karma, owed, receiptsRoot }] as const;
  });
  return { rows: new Map(rows), tree: trees.claims };
}
