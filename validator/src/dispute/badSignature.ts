import {
  badSignatureEvidence,
  type CandidateGroup,
  type CheckedEntry,
  candidatesOfEntry,
  type Domain,
  type Entry,
  entryHashOf,
  equalBytes,
  findBadSignature,
  type Hash,
  type Identity,
  type ManifestBody,
  toHex,
  type VerifySignature,
} from '@karmesh/sdk/protocol';
import type { EpochFacts } from '../chain/chainReader.ts';
import type { ClosedSets } from '../epoch/closedSets.ts';
import { inTurns, READ_IN_A_TURN } from '../inTurns.ts';
import type { Store } from '../store/openStore.ts';
import type { FoundBadSet } from './finding.ts';

export interface SignatureSearchParts {
  readonly domain: Domain;
  readonly verify: VerifySignature;
  readonly sets: Pick<ClosedSets, 'manifest' | 'supplement'>;
  readonly store: Pick<Store, 'entry' | 'hasEntry'>;
  readonly epochOf: (slot: bigint) => bigint | undefined;
}

/**
 * V-36: goes through a set that somebody attested. `missing` while its manifest or one of its entries is not to be had, unless what
 * is there is evidence enough; undefined if every record holds.
 *
 * @throws KarmeshError `STORE_FAILED` and whatever `signal` aborts with.
 */
export type SignatureSearch = (
  account: EpochFacts,
  options: { readonly signal: AbortSignal },
) => Promise<FoundBadSet | 'missing' | undefined>;

/** Sets of which it is remembered what was seen: those of the last epochs. */
const MAX_SETS = 4;

export function signatureSearch(parts: SignatureSearchParts): SignatureSearch {
  const { domain, verify, sets, store, epochOf } = parts;
  /** By hex manifest hash: entries whose signatures hold, though this validator does not take them for another reason. Nothing else spares fetching them again. */
  const sound = new Map<string, Set<string>>();

  function soundOf(manifestHash: Hash): Set<string> {
    const name = toHex(manifestHash);
    const known = sound.get(name) ?? new Set();
    if (sound.size >= MAX_SETS && !sound.has(name)) sound.clear();
    sound.set(name, known);
    return known;
  }

  /** What shows that a record of the entry is not signed by whom the set says. */
  function evidenceIn(body: ManifestBody, entry: Entry, entryEpoch: bigint): Uint8Array | undefined {
    const bad = findBadSignature({ domain, verify }, { body, entry, entryEpoch });
    return bad && badSignatureEvidence(domain, { body, entry, entryEpoch, ...bad });
  }

  return async (account, { signal }) => {
    const { epoch, manifestHash } = account;
    const body = await sets.manifest(account, { signal });
    if (body === undefined) return 'missing';
    const found = (evidence: Uint8Array): FoundBadSet => ({ what: 'signature', epoch, manifestHash, evidence });
    const isJudgedBySet = keyComparison(body);
    for await (const { entryHash } of inTurns(body.entries, { every: READ_IN_A_TURN, signal })) {
      const checked = store.entry(entryHash)?.checked;
      if (checked === undefined || isJudgedBySet(checked)) continue;
      const evidence = evidenceIn(body, checked.entry, checked.epoch);
      if (evidence !== undefined) return found(evidence);
    }
    const known = soundOf(manifestHash);
    let evidence: Uint8Array | undefined;
    await sets.supplement(
      { account, manifest: body },
      {
        signal,
        isKnown: (entryHash) => evidence !== undefined || known.has(toHex(entryHash)),
        take: async (entry) => {
          const entryEpoch = epochOf(entry.dispatch.value.slot);
          // P-48: a slot from before the cluster began is in no epoch, and shows nothing.
          evidence ??= entryEpoch === undefined ? undefined : evidenceIn(body, entry, entryEpoch);
          if (evidence === undefined) known.add(toHex(entryHashOf(entry)));
        },
      },
    );
    if (evidence !== undefined) return found(evidence);
    const isMissing = body.entries.some(({ entryHash }) => !store.hasEntry(entryHash) && !known.has(toHex(entryHash)));
    return isMissing ? 'missing' : undefined;
  };
}

/** Whether an entry that this validator took was judged by the very keys that the set gives its workers: then its signatures hold by them. */
function keyComparison(body: ManifestBody): (checked: CheckedEntry) => boolean {
  const keys = new Map<CandidateGroup, ReadonlyMap<string, Identity>>();
  return ({ entry, epoch, drawn }) => {
    const group = candidatesOfEntry(body, { entry, entryEpoch: epoch });
    if (group === undefined) return false;
    const known =
      keys.get(group) ?? new Map(group.candidates.map(({ participant, identity }) => [toHex(participant), identity]));
    keys.set(group, known);
    return drawn.every(({ participant, identity }) => {
      const listed = known.get(toHex(participant));
      return listed !== undefined && equalBytes(listed, identity);
    });
  };
}
