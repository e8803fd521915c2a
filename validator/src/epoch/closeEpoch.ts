import { encode, exclusionSet, manifestBodyCodec, manifestHashOf, manifestRoots } from '@karmesh/sdk/protocol';
import type { EpochFacts } from '../chain/chainReader.ts';
import { inSteps, inTurns, READ_IN_A_TURN } from '../inTurns.ts';
import type { DutyParts, DutyResult } from './dutyParts.ts';
import { buildManifestSteps, type ManifestKnowledge } from './manifest.ts';
import { manifestRowReader, packedRows } from './manifestRows.ts';

type Signalled = { readonly signal: AbortSignal };

/** P-12: posts the manifest of an ended epoch. Its body is on disk, and so served, before the chain names it. */
export async function closeEpoch(parts: DutyParts, epoch: bigint, { signal }: Signalled): Promise<DutyResult> {
  const { domain, store, writer, announce, log } = parts;
  const knowledge = await manifestKnowledge(parts, epoch, { signal });
  if (knowledge === undefined) return 'waiting';
  const rowOf = manifestRowReader(knowledge);
  const rows = packedRows();
  for (const of of epoch === 0n ? [0n] : [epoch - 1n, epoch]) {
    for await (const stored of inTurns(store.book(of)?.entries() ?? [], { every: READ_IN_A_TURN, signal }))
      rows.add(rowOf(stored));
  }
  const carriedEscrows = parts.ledger
    .current()
    .state.carried.flatMap(({ entryHash }) => store.entry(entryHash)?.checked.entry.ticket.value.escrow ?? []);
  const body = await inSteps(buildManifestSteps(knowledge, { rows, carriedEscrows }), { signal });
  const roots = manifestRoots(domain, body);
  const manifestHash = manifestHashOf(domain, roots);
  const bodyHash = await store.addBody({
    epoch,
    kind: 'manifest',
    key: manifestHash,
    bytes: encode(manifestBodyCodec, body),
  });
  const signature = await writer.closeEpoch(roots, { signal });
  await announce.manifest({ epoch, manifestHash, bodyHash });
  log.info({ epoch: epoch.toString(), entries: body.entries.length, signature }, 'The epoch was closed.');
  return 'done';
}

/** What this validator knows of an epoch that ended; undefined while it lacks the set of the epoch before. */
export async function manifestKnowledge(
  parts: DutyParts,
  epoch: bigint,
  { signal }: Signalled,
): Promise<ManifestKnowledge | undefined> {
  const { chain, sets, store } = parts;
  const before = chain.epochs().find((account) => account.epoch === epoch - 1n);
  const keys =
    before === undefined || isUnattested(before) ? exclusionSet() : await sets.exclusionKeys(before, { signal });
  if (keys === undefined) return undefined;
  return {
    domain: parts.domain,
    epoch,
    earlier: keys.has,
    snapshot: (of) => store.book(of)?.snapshot,
    escrow: (address) => chain.escrow(address),
  };
}

/** V-05: who attests this epoch never attests an earlier one again, so a set that nobody attested is none. */
function isUnattested(account: EpochFacts): boolean {
  return account.state === 'closed';
}
