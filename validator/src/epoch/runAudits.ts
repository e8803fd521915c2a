import { toHex, verdictRecord } from '@karmesh/sdk/protocol';
import type { AuditPlace } from '../audit/auditor.ts';
import type { DrawnAudit } from './drawnAudits.ts';
import { parametersOf, type RunDuty } from './dutyParts.ts';
import { type EpochContext, epochContext } from './epochContext.ts';
import { isDrawnVerdict } from './verdictList.ts';

/** Slots before the first `post_verdicts` by which a second auditor has to say something, so that its verdict still gets round. */
const SECOND_MARGIN_SLOTS = 4n;
const MAX_HEARD = 65_536;

/** U-02, U-09: audits what this validator was drawn for, and gossips its verdicts. Called until the epoch's verdicts are posted. */
export const runAudits: RunDuty = async (parts, account, { signal }) => {
  const { chain, domain, store } = parts;
  const { epoch } = account;
  const context = await epochContext(parts, account, { signal });
  if (context === undefined) return 'waiting';
  const { auditSlots } = parametersOf(parts, epoch);
  const begin = account.beaconTargetSlot;
  const held = [...(store.book(epoch)?.verdicts.values() ?? [])].map((stored) => stored.signed);
  const verdicts = await parts.auditor.run(
    {
      epoch,
      audits: context.audits,
      placeOf: places(context, chain.config().lastFinalisedEpoch),
      verdicts: held.filter((signed) => isDrawnVerdict(context.verdicts, signed)),
      slot: chain.slot(),
      firstDeadlineSlot: begin + auditSlots / 2n,
      secondDeadlineSlot: begin + (auditSlots > SECOND_MARGIN_SLOTS ? auditSlots - SECOND_MARGIN_SLOTS : 0n),
    },
    { signal },
  );
  for (const signed of verdicts) {
    const verdictHash = verdictRecord.hash(domain, signed.value);
    const key = toHex(verdictHash);
    await store.addVerdict({ verdictHash, signed, arrivedSlot: chain.slot() });
    // Said until somebody heard it; a restarted validator says it once more.
    if (!parts.heard.has(key) && (await parts.announce.verdict(signed)) > 0) parts.heard.add(key);
    if (parts.heard.size > MAX_HEARD) parts.heard.clear();
  }
  return 'waiting';
};

/** Where each drawn answer stands: in the epoch's set, or among what the last report carried. */
function places(
  context: EpochContext,
  lastFinalised: bigint | undefined,
): (audit: DrawnAudit) => AuditPlace | undefined {
  const { manifest, ledger, tree } = context;
  const inSet = new Map(manifest.entries.map(({ entryHash }, i) => [toHex(entryHash), i]));
  const inCarried = new Map(ledger.state.carried.map(({ entryHash }, i) => [toHex(entryHash), i]));
  return ({ entryHash, isCarried }) => {
    const key = toHex(entryHash);
    const index = (isCarried ? inCarried : inSet).get(key);
    if (index === undefined) return undefined;
    if (!isCarried)
      return { source: 'set', treeEpoch: manifest.epoch, index, count: tree.count, path: tree.path(index) };
    // U-11: a worker opens under the newest report alone, and its refusal must not count against it.
    if (ledger.last === undefined || ledger.last.epoch !== lastFinalised) return undefined;
    const { carried } = ledger.last.trees;
    return { source: 'carried', treeEpoch: ledger.last.epoch, index, count: carried.count, path: carried.path(index) };
  };
}
