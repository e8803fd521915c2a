import type { EpochBodies } from '@karmesh/sdk/participant';
import type { ChainView, ParticipantAccount } from '@karmesh/sdk/program';
import {
  type Bundle,
  type BundleFile,
  challengeAnswerCodec,
  type Domain,
  encodeBundle,
  entryHashOf,
  equalBytes,
  identityInEpoch,
  MAX_CHALLENGE_BYTES,
  type Participant,
  placeInReport,
  placeInSet,
  type RequestId,
  tryDecode,
} from '@karmesh/sdk/protocol';
import type { MarketModel } from '../market.ts';
import { hashChain } from '../scheduler/hashChain.ts';
import type { KeyHash } from '../store/apiKeys.ts';
import { findCandidateGroup } from '../store/candidateGroups.ts';
import { findChain } from '../store/chains.ts';
import { findSlotHash } from '../store/dispatches.ts';
import { type FoundEntry, findEntry } from '../store/entries.ts';
import type { Db } from '../store/openDatabase.ts';
import { findRequest } from '../store/requests.ts';
import { findTicket } from '../store/tickets.ts';

export type FindBundleOptions = {
  /** How long validators may take for the parts that they keep, in milliseconds; the bundle is given without them afterwards. */
  readonly lateMs: number;
};

export type FindBundleParts = {
  readonly db: Db;
  readonly domain: Domain;
  readonly cluster: Bundle['cluster'];
  readonly view: Pick<ChainView, 'epoch'> & {
    participant(
      address: Participant,
    ): Pick<ParticipantAccount, 'identity' | 'previousIdentity' | 'identityFromEpoch'> | undefined;
  };
  readonly models: readonly MarketModel[];
  readonly bodies: EpochBodies;
  /** Whether nobody is to have an answer yet. */
  isWithheld(requestId: RequestId): boolean;
};

/** Entries that no auditor judged are carried on; the report that credits one is looked for in so many epochs after its own. A token takes minutes to prove. */
const REPORTS_SEARCHED = { stream: 4n, quorum: 4n, proof: 256n } as const;

/**
 * B-01: the bundle of a request, for the API key that asked it. Undefined for anybody else, for a request without an answer, while its answer is
 * withheld, and once its prompt is forgotten.
 */
export const findBundle =
  (options: FindBundleOptions) =>
  (parts: FindBundleParts) =>
  async (wanted: { readonly requestId: RequestId; readonly keyHash: KeyHash }): Promise<BundleFile | undefined> => {
    const { db, domain, view } = parts;
    if (parts.isWithheld(wanted.requestId)) return undefined;
    const ticket = await findTicket(db, wanted.requestId);
    if (ticket === undefined || !equalBytes(ticket.keyHash, wanted.keyHash)) return undefined;
    const [found, kept] = [await findEntry(db, wanted.requestId), await findRequest(db, wanted.requestId)];
    if (found === undefined || kept === undefined) return undefined;
    const { entry, epoch } = found;
    const dispatch = entry.dispatch.value;
    const [slotHash, candidates, secret] = [
      await findSlotHash(db, { epoch, number: dispatch.dispatchNumber }),
      await findCandidateGroup(db, { epoch, engineClass: dispatch.engineClass, modelId: dispatch.modelId }),
      await findChain(db, epoch),
    ];
    const model = parts.models.find(({ modelId }) => equalBytes(modelId, dispatch.modelId));
    const account = view.participant(entry.ticket.value.gateway);
    if (slotHash === undefined || candidates === undefined || secret === undefined) return undefined;
    if (model === undefined || account === undefined) return undefined;
    const { commitment, length } = hashChain(secret);
    return encodeBundle({
      cluster: parts.cluster,
      gateway: { identity: identityInEpoch(account, epoch), commitment, length },
      request: kept.request,
      tokens: kept.tokens,
      model: model.manifest,
      entry,
      slotHash,
      candidates,
      ...(await lateParts(parts, { domain, found, signal: AbortSignal.timeout(options.lateMs) })),
    });
  };

/** B-05, B-06: where the entry stands in its set and its report, as far as these exist and somebody serves them. */
async function lateParts(
  parts: Pick<FindBundleParts, 'bodies' | 'view'>,
  late: { readonly domain: Domain; readonly found: FoundEntry; readonly signal: AbortSignal },
): Promise<Pick<Bundle, 'set' | 'report' | 'challenge'>> {
  const { domain, found, signal } = late;
  const { entry, epoch } = found;
  const { assurance } = entry.dispatch.value;
  const places: { -readonly [K in 'set' | 'report' | 'challenge']?: NonNullable<Bundle[K]> } = {};
  const entryHash = entryHashOf(entry);
  const current = parts.view.epoch() ?? 0n;
  try {
    // E-35: an entry stands in the set of its epoch or of the next one.
    for (let at = epoch; at <= epoch + 1n && at <= current && places.set === undefined; at++) {
      const manifest = await parts.bodies.manifest(at, { signal });
      const set = manifest === undefined ? undefined : placeInSet(domain, { manifest, entry });
      if (set !== undefined) places.set = set;
    }
    const from = places.set?.manifest.epoch;
    for (
      let at = from ?? current;
      from !== undefined && at <= from + REPORTS_SEARCHED[assurance] && at <= current && places.report === undefined;
      at++
    ) {
      const report = await parts.bodies.report(at, { signal });
      const place = report === undefined ? undefined : placeInReport(domain, { ...report, entry });
      if (place !== undefined) places.report = place;
      // U-07: what a report neither credits nor carries on is decided for good.
      const isCarried = report?.body.carried.some(({ entryHash: one }) => equalBytes(one, entryHash)) === true;
      if (report !== undefined && place === undefined && !isCarried) break;
      if (report === undefined || place === undefined || assurance !== 'proof') continue;
      for (const { value } of report.body.verdicts) {
        if (value.verdict !== 'pass' || !equalBytes(value.entryHash, entryHash)) continue;
        const wanted = { hash: value.measurementsHash, maxBytes: MAX_CHALLENGE_BYTES };
        const challenge = await parts.bodies.bytes(wanted, { signal });
        // What it shows is for who rechecks the bundle.
        if (challenge === undefined || tryDecode(challengeAnswerCodec, challenge) === undefined) continue;
        places.challenge = challenge;
        break;
      }
    }
  } catch (error) {
    // What could not be fetched in time is left out; the bundle says by its absence that it is pending.
    if (!signal.aborted) throw error;
  }
  return places;
}
