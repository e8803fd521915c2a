import {
  checkEntry,
  type Entry,
  type EntryContext,
  type ExclusionSet,
  entryCodec,
  entryHashOf,
  equalBytes,
  exclusionKeys,
  exclusionSet,
  type Hash,
  type Identity,
  MAX_ENTRY_BYTES,
  MAX_SET_ENTRIES,
  type ManifestBody,
  manifestBodyCodec,
  setEntryReader,
  toHex,
  tryDecode,
} from '@karmesh/sdk/protocol';
import type { EpochFacts, PastChain } from '../chain/chainReader.ts';
import { inTurns, READ_IN_A_TURN } from '../inTurns.ts';
import type { ValidatorPeers } from '../peers/validatorPeers.ts';
import type { StoredEntry } from '../store/epochRecords.ts';
import type { Store } from '../store/openStore.ts';
import type { EpochBodies } from './epochBodies.ts';
import { checkManifestBody } from './manifest.ts';

type Signalled = { readonly signal: AbortSignal };

/** The sets that were closed on chain, with their entries. Undefined where something could not be found. */
export interface ClosedSets {
  manifest(account: EpochFacts, options: Signalled): Promise<ManifestBody | undefined>;
  /** Fetches what is lacking, but for what `isKnown`, and hands it to `take`, which judges it by this validator's own knowledge. */
  supplement(
    set: { readonly account: EpochFacts; readonly manifest: ManifestBody },
    options: Signalled & {
      readonly take: (entry: Entry) => Promise<unknown>;
      /** Asked right before an entry would be fetched; none is known unless told. */
      readonly isKnown?: (entryHash: Hash) => boolean;
    },
  ): Promise<void>;
  /** Whether all entries of an attested set are held now. One that was not judged before is judged by the groups and slot hashes that two thirds attested. */
  hold(set: { readonly account: EpochFacts; readonly manifest: ManifestBody }, options: Signalled): Promise<boolean>;
  /** One entry of an attested set, whatever its age, judged like those. Nothing of it is kept. Throws `RPC_UNREACHABLE`, `RPC_FAILED`. */
  entry(
    set: { readonly manifest: ManifestBody; readonly entryHash: Hash },
    options: Signalled,
  ): Promise<StoredEntry | undefined>;
  /** The exclusion keys of a closed set, for the one after it (E-35). */
  exclusionKeys(account: EpochFacts, options: Signalled): Promise<ExclusionSet | undefined>;
}

/** Entries of manifests that are kept: one of the greatest size, or several smaller ones. */
const MAX_ROWS_KEPT = MAX_SET_ENTRIES;

/** Entries fetched at once. */
const LANES = 8;

export function closedSets(parts: {
  readonly store: Pick<Store, 'addEntry' | 'entry' | 'hasEntry'>;
  readonly bodies: EpochBodies;
  readonly peers: ValidatorPeers;
  readonly context: () => EntryContext;
  readonly past: Pick<PastChain, 'gatewayChain'>;
  readonly identityOf: (participant: Uint8Array) => Identity | undefined;
}): ClosedSets {
  const { store, bodies, peers } = parts;
  const manifests = new Map<string, ManifestBody>();

  /** The hash is checked, so these are the bytes that stand in a set. */
  async function fetchEntry(hash: Hash, from: Identity | undefined, { signal }: Signalled): Promise<Entry | undefined> {
    const bytes = await peers.fetchBytes({ hash, from, maxBytes: MAX_ENTRY_BYTES }, { signal });
    return bytes === undefined ? undefined : tryDecode(entryCodec, bytes);
  }

  async function fetchMissing(
    set: { readonly account: EpochFacts; readonly manifest: ManifestBody },
    options: Parameters<ClosedSets['supplement']>[1],
  ): Promise<void> {
    const from = parts.identityOf(set.account.proposer);
    const missing: ManifestBody['entries'][number][] = [];
    for await (const row of inTurns(set.manifest.entries, { every: READ_IN_A_TURN, signal: options.signal }))
      if (!store.hasEntry(row.entryHash)) missing.push(row);
    const lane = async (): Promise<void> => {
      for (let next = missing.pop(); next !== undefined; next = missing.pop()) {
        if (options.isKnown?.(next.entryHash) === true) continue;
        const entry = await fetchEntry(next.entryHash, from, options);
        if (entry !== undefined) await options.take(entry);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  async function manifest(account: EpochFacts, { signal }: Signalled): Promise<ManifestBody | undefined> {
    const { epoch, manifestHash, proposer } = account;
    const known = manifests.get(toHex(manifestHash));
    if (known !== undefined) return known;
    const { domain } = parts.context();
    const parse = (bytes: Uint8Array): ManifestBody | undefined => {
      const body = tryDecode(manifestBodyCodec, bytes);
      return body === undefined || checkManifestBody(domain, { body, epoch, manifestHash }) !== undefined
        ? undefined
        : body;
    };
    const found = await bodies.find(
      { epoch, kind: 'manifest', key: manifestHash, from: parts.identityOf(proposer), parse },
      { signal },
    );
    if (found === undefined) return undefined;
    // Only the newest sets are asked for again and again. A row takes some 300 bytes of memory.
    let rows = found.entries.length;
    for (const body of manifests.values()) rows += body.entries.length;
    if (manifests.size >= 8 || rows > MAX_ROWS_KEPT) manifests.clear();
    manifests.set(toHex(manifestHash), found);
    return found;
  }

  /** What an attested manifest says of the draws, in the place of what this validator saw itself. */
  function attestedContext(body: ManifestBody): EntryContext {
    return {
      ...parts.context(),
      slotHash: (slot) => body.slotHashes.find((row) => row.slot === slot)?.slotHash,
      candidates: (key) =>
        body.groups.find(
          (group) =>
            group.epoch === key.epoch &&
            equalBytes(group.engineClass, key.engineClass) &&
            equalBytes(group.modelId, key.modelId),
        )?.candidates,
    };
  }

  async function judgeAttested(
    body: ManifestBody,
    entry: Entry,
    { signal }: Signalled,
  ): Promise<StoredEntry | undefined> {
    const context = attestedContext(body);
    const { slot } = entry.dispatch.value;
    const { gateway } = entry.ticket.value;
    const epoch = context.epochOf(slot);
    if (epoch === undefined) return undefined;
    const chain = context.chain(gateway, epoch) ?? (await parts.past.gatewayChain(gateway, epoch, { signal }));
    const verdict = checkEntry({ ...context, chain: () => chain }, entry);
    const slotHash = context.slotHash(slot);
    if (verdict.verdict !== 'accept' || slotHash === undefined) return undefined;
    return { entryHash: entryHashOf(entry), slotHash, checked: verdict.entry };
  }

  async function hold(
    set: { readonly account: EpochFacts; readonly manifest: ManifestBody },
    { signal }: Signalled,
  ): Promise<boolean> {
    let isComplete = true;
    const take = async (entry: Entry): Promise<void> => {
      const judged = await judgeAttested(set.manifest, entry, { signal });
      if (judged !== undefined) await store.addEntry(judged);
    };
    await fetchMissing(set, { signal, take });
    for await (const { entryHash } of inTurns(set.manifest.entries, { every: READ_IN_A_TURN, signal }))
      isComplete &&= store.hasEntry(entryHash);
    return isComplete;
  }

  const keys = new Map<string, ExclusionSet>();
  return {
    manifest,
    supplement: fetchMissing,
    hold,
    async entry({ manifest: body, entryHash }, options) {
      if (!body.entries.some((row) => equalBytes(row.entryHash, entryHash))) return undefined;
      const entry = await fetchEntry(entryHash, undefined, options);
      return entry === undefined ? undefined : judgeAttested(body, entry, options);
    },
    async exclusionKeys(account, options) {
      const name = toHex(account.manifestHash);
      const known = keys.get(name);
      if (known !== undefined) return known;
      const body = await manifest(account, options);
      if (body === undefined || !(await hold({ account, manifest: body }, options))) return undefined;
      const set = exclusionSet();
      const setEntryOf = setEntryReader();
      for await (const { entryHash } of inTurns(body.entries, { every: READ_IN_A_TURN, signal: options.signal })) {
        const stored = store.entry(entryHash);
        if (stored === undefined) return undefined;
        set.add(exclusionKeys(setEntryOf(stored.checked)));
      }
      // Only the newest sets are asked for.
      if (keys.size >= 2) keys.clear();
      keys.set(name, set);
      return set;
    },
  };
}
