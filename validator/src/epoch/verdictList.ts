import {
  checkRecord,
  compareBytes,
  type Domain,
  equalBytes,
  type Hash,
  type Identity,
  type Signed,
  signedCodec,
  toHex,
  type Verdict,
  type VerifySignature,
  vector,
  verdictRecord,
  verdictsRootOf,
} from '@karmesh/sdk/protocol';
import type { StoredVerdict } from '../store/epochRecords.ts';
import type { DrawnAudit } from './drawnAudits.ts';

/** As many verdicts as a report's body may hold. */
const MAX_VERDICTS = 1 << 20;

/** V-22: the body under the root of `post_verdicts`: the signed verdicts sorted by their hashes. */
export const verdictListCodec = vector(signedCodec(verdictRecord), MAX_VERDICTS);

/** How many slots before the list was posted a verdict must have arrived here for its absence to count (V-17). */
const MISSING_GRACE_SLOTS = 4n;

export interface VerdictContext {
  readonly domain: Domain;
  readonly verify?: VerifySignature;
  readonly epoch: bigint;
  /** By hex hash of the entry. */
  readonly audits: ReadonlyMap<string, DrawnAudit>;
  readonly identityOf: (validator: Uint8Array) => Identity | undefined;
}

/** V-16: whether a verdict is of this epoch, about a drawn receipt, by the auditor drawn for it, and signed by that auditor. */
export function isDrawnVerdict(context: VerdictContext, signed: Signed<Verdict>): boolean {
  const { value } = signed;
  if (value.epoch !== context.epoch) return false;
  const audit = context.audits.get(toHex(value.entryHash));
  const auditor = audit?.auditors[value.attempt];
  if (audit === undefined || auditor === undefined) return false;
  if (!equalBytes(auditor.participant, value.validator) || !equalBytes(audit.receiptHash, value.receiptHash))
    return false;
  const identity = context.identityOf(value.validator);
  const { domain, verify } = context;
  return (
    identity !== undefined &&
    checkRecord(verdictRecord, { domain, identity, ...(verify === undefined ? {} : { verify }) }, signed)
  );
}

/** The list that a proposer posts: one verdict per answer and attempt, of drawn auditors, sorted by hash. */
export function buildVerdictList(context: VerdictContext, held: Iterable<StoredVerdict>): readonly Signed<Verdict>[] {
  const kept = new Map<string, StoredVerdict>();
  for (const stored of [...held].sort((a, b) => compareBytes(a.verdictHash, b.verdictHash))) {
    const key = `${toHex(stored.signed.value.entryHash)} ${stored.signed.value.attempt}`;
    if (!kept.has(key) && isDrawnVerdict(context, stored.signed)) kept.set(key, stored);
  }
  return [...kept.values()].map(({ signed }) => signed);
}

export interface VerdictListFault {
  readonly rule: 'V-16' | 'V-17';
  readonly facts: Readonly<Record<string, string | number | bigint>>;
  /** V-17: the verdicts that are held here and left out. */
  readonly missing?: readonly Signed<Verdict>[];
}

/** V-16 and V-17: whether this validator seals over a posted list. */
export function checkVerdictList(
  context: VerdictContext,
  check: {
    readonly list: readonly Signed<Verdict>[];
    readonly posted: { readonly verdictsRoot: Hash; readonly verdictCount: number; readonly verdictsSlot: bigint };
    readonly held: Iterable<StoredVerdict>;
  },
): VerdictListFault | undefined {
  const { list, posted } = check;
  // V-16: the list is what was posted, sorted, without repetition, and of drawn auditors only.
  const hashes = list.map(({ value }) => verdictRecord.hash(context.domain, value));
  const sorted = hashes.every((one, i) => i === 0 || compareBytes(hashes[i - 1] ?? one, one) < 0);
  if (!sorted || list.length !== posted.verdictCount || !equalBytes(verdictsRootOf(hashes), posted.verdictsRoot)) {
    return { rule: 'V-16', facts: { verdicts: list.length, posted: posted.verdictCount } };
  }
  const answered = new Set<string>();
  for (const signed of list) {
    const key = `${toHex(signed.value.entryHash)} ${signed.value.attempt}`;
    if (answered.has(key) || !isDrawnVerdict(context, signed)) {
      return { rule: 'V-16', facts: { entry: toHex(signed.value.entryHash), attempt: signed.value.attempt } };
    }
    answered.add(key);
  }
  // V-17: no verdict of a drawn auditor that had time to reach the proposer is left out.
  const missing: StoredVerdict[] = [];
  for (const stored of check.held) {
    const { signed, arrivedSlot } = stored;
    const key = `${toHex(signed.value.entryHash)} ${signed.value.attempt}`;
    if (answered.has(key) || arrivedSlot + MISSING_GRACE_SLOTS > posted.verdictsSlot) continue;
    if (isDrawnVerdict(context, signed)) missing.push(stored);
  }
  const [first] = missing;
  if (first !== undefined) {
    const facts = {
      entry: toHex(first.signed.value.entryHash),
      arrivedSlot: first.arrivedSlot,
      missing: missing.length,
    };
    return { rule: 'V-17', facts, missing: missing.map(({ signed }) => signed) };
  }
  return undefined;
}
