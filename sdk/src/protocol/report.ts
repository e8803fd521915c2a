import { KarmeshError } from '../errors.ts';
import { compareBytes, joinBytes, toHex, u64le } from './bytes.ts';
import { type ClaimsTree, claimsTree } from './claimsTree.ts';
import { array, type Decoded, encode, struct, u32, u64, vector } from './codec.ts';
import {
  CREDIT_BYTES,
  type CreditList,
  creditBytes,
  creditCodec,
  creditSums,
  creditsCodec,
  karmaCodec,
  type ReceiptCredit,
} from './creditList.ts';
import { type Hash, hash, hashCodec, ZERO_HASH } from './hash.ts';
import { type Domain, header, KIND } from './header.ts';
import { escrowCodec, participantCodec } from './ids.ts';
import { type SumNode, type SumTree, sumTree, sumTreeOf } from './merkle.ts';
import { verdictRecord } from './records.ts';
import { signedCodec } from './signature.ts';
import { atOnce, type Steps } from './steps.ts';
import type { CarriedEntry, LedgerState, Lifetime, Settlement, TallyResult } from './tally.ts';

/** P-18: what `reveal_root` carries, in this order, 228 bytes. */
export const reportCodec = struct({
  root: hashCodec,
  totals: array(u64, 6),
  participantCount: u32,
  settlementsRoot: hashCodec,
  settlementsTotal: u64,
  escrowCount: u32,
  carriedRoot: hashCodec,
  carriedCount: u32,
  priorRoot: hashCodec,
  /** T-06. */
  claimsRoot: hashCodec,
});
export type Report = Decoded<typeof reportCodec>;

const reportHeader = header(KIND.report, struct({ epoch: u64, verdictsRoot: hashCodec, bodyHash: hashCodec }));

/** P-18: the hash that the second vote is about. */
export function reportHashOf(
  domain: Domain,
  report: { readonly epoch: bigint; readonly verdictsRoot: Hash; readonly report: Report },
): Hash {
  return reportHeader.hash(domain, {
    epoch: report.epoch,
    verdictsRoot: report.verdictsRoot,
    bodyHash: hash(encode(reportCodec, report.report)),
  });
}

const rootSealHeader = header(
  KIND.rootSeal,
  struct({ epoch: u64, reportHash: hashCodec, salt: hashCodec, validator: participantCodec }),
);

/** P-17: hides a validator's report hash until two thirds have sealed theirs. */
export function rootSealOf(
  domain: Domain,
  sealed: { readonly epoch: bigint; readonly reportHash: Hash; readonly salt: Hash; readonly validator: Uint8Array },
): Hash {
  return rootSealHeader.hash(domain, sealed);
}

const saltCommitmentHeader = header(
  KIND.saltCommitment,
  struct({ epoch: u64, validator: participantCodec, salt: hashCodec }),
);

/** P-14: what an attestation commits to. */
export function saltHashOf(
  domain: Domain,
  salted: { readonly epoch: bigint; readonly validator: Uint8Array; readonly salt: Hash },
): Hash {
  return saltCommitmentHeader.hash(domain, salted);
}

const LEAF = new Uint8Array([0]);

/** T-04: an item of a participant's receiptsRoot: five counters and what is owed. */
export function creditLeaf(domain: Domain, item: { readonly epoch: bigint; readonly credit: ReceiptCredit }): SumNode {
  const { epoch, credit } = item;
  return {
    hash: hash(LEAF, domain, u64le(epoch), encode(creditCodec, credit)),
    sums: [...credit.karma, credit.owed],
  };
}

/** T-04: the Merkle-sum tree over a participant's credits of the epoch, sorted by entry, then by the record that earned. */
export function creditTree(domain: Domain, items: { readonly epoch: bigint; readonly credits: CreditList }): SumTree {
  const { epoch, credits } = items;
  const prefix = joinBytes([LEAF, domain, u64le(epoch)]);
  const preimage = new Uint8Array(prefix.length + CREDIT_BYTES);
  preimage.set(prefix);
  const leaf = (index: number): SumNode | undefined => {
    const bytes = creditBytes(credits, index);
    if (bytes === undefined) return undefined;
    preimage.set(bytes, prefix.length);
    return { hash: hash(preimage), sums: creditSums(bytes) };
  };
  return sumTreeOf({ count: credits.length, leaf }, 6);
}

/** T-01: a participant's leaf of the lifetime tree. */
export function lifetimeLeaf(
  domain: Domain,
  leaf: { readonly epoch: bigint; readonly lifetime: Lifetime; readonly receiptsRoot: Hash },
): SumNode {
  const sums = [...leaf.lifetime.karma, leaf.lifetime.owed];
  return {
    hash: hash(LEAF, domain, u64le(leaf.epoch), leaf.lifetime.participant, ...sums.map(u64le), leaf.receiptsRoot),
    sums,
  };
}

/** P-19: an escrow's leaf of the settlements tree. */
export function settlementLeaf(
  domain: Domain,
  leaf: { readonly epoch: bigint; readonly settlement: Settlement },
): SumNode {
  const { escrow, cumulativeAfter, debit } = leaf.settlement;
  return { hash: hash(LEAF, domain, u64le(leaf.epoch), escrow, u64le(cumulativeAfter), u64le(debit)), sums: [debit] };
}

/** T-05: a carried entry's leaf; no sums. */
export function carriedLeaf(domain: Domain, leaf: CarriedEntry & { readonly epoch: bigint }): SumNode {
  const { epoch, entryHash, drawnEpoch, beacon } = leaf;
  return { hash: hash(LEAF, domain, u64le(epoch), entryHash, u64le(drawnEpoch), beacon), sums: [] };
}

/** The trees of a report, from which all paths come. */
export interface ReportTrees {
  readonly lifetimes: SumTree;
  /** T-06: over the same leaves, without sums: what a claim shows. */
  readonly claims: ClaimsTree;
  readonly settlements: SumTree;
  readonly carried: SumTree;
  /** By hex address of the participant. */
  readonly credits: ReadonlyMap<string, SumTree>;
}

/** A report with what its paths and the next tally come from. */
export interface BuiltReport {
  readonly report: Report;
  readonly trees: ReportTrees;
  readonly state: LedgerState;
}

interface ReportParts {
  readonly epoch: bigint;
  readonly result: TallyResult;
  readonly priorRoot: Hash;
}

/** V-21: the report of a tally and its trees. The lifetime tree is as wide as the greatest index that ever earned (T-03). */
export function buildReport(domain: Domain, parts: ReportParts): BuiltReport {
  return atOnce(buildReportSteps(domain, parts));
}

/** The same with a pause after the tree of each participant. */
export function* buildReportSteps(domain: Domain, { epoch, result, priorRoot }: ReportParts): Steps<BuiltReport> {
  const credits = new Map<string, SumTree>();
  for (const [participant, list] of result.credits) {
    credits.set(participant, creditTree(domain, { epoch, credits: list }));
    yield;
  }
  const leaves: (SumNode | undefined)[] = [];
  for (const lifetime of result.lifetimes) {
    const receiptsRoot = credits.get(toHex(lifetime.participant))?.root.hash ?? ZERO_HASH;
    leaves[lifetime.index] = lifetimeLeaf(domain, { epoch, lifetime, receiptsRoot });
  }
  const placed = Array.from(leaves);
  const lifetimes = sumTree(placed, 6);
  const claims = claimsTree(placed);
  const settlements = sumTree(
    result.settlements.map((settlement) => settlementLeaf(domain, { epoch, settlement })),
    1,
  );
  const carried = sumTree(
    result.carried.map((carried) => carriedLeaf(domain, { ...carried, epoch })),
    0,
  );
  const report: Report = {
    root: lifetimes.root.hash,
    totals: lifetimes.root.sums,
    participantCount: lifetimes.count,
    settlementsRoot: settlements.root.hash,
    settlementsTotal: settlements.root.sums[0] ?? 0n,
    escrowCount: settlements.count,
    carriedRoot: carried.root.hash,
    carriedCount: carried.count,
    priorRoot,
    claimsRoot: claims.root,
  };
  return {
    report,
    trees: { lifetimes, claims, settlements, carried, credits },
    state: {
      root: report.root,
      lifetimes: result.lifetimes,
      escrowDebits: result.escrowDebits,
      carried: result.carried,
    },
  };
}

const MAX_PARTICIPANTS = 1 << 20;

/** V-22: the body that validators keep and serve for a report: enough to rebuild every path, and for a newcomer to go on from. */
export const reportBodyCodec = struct({
  epoch: u64,
  report: reportCodec,
  verdicts: vector(signedCodec(verdictRecord), MAX_PARTICIPANTS),
  lifetimes: vector(
    struct({
      index: u32,
      participant: participantCodec,
      karma: karmaCodec,
      owed: u64,
      credits: creditsCodec(MAX_PARTICIPANTS),
    }),
    MAX_PARTICIPANTS,
  ),
  settlements: vector(struct({ escrow: escrowCodec, cumulativeAfter: u64, debit: u64 }), 65_536),
  escrowDebits: vector(struct({ escrow: escrowCodec, cumulativeDebit: u64 }), 65_536),
  carried: vector(struct({ entryHash: hashCodec, drawnEpoch: u64, beacon: hashCodec }), MAX_PARTICIPANTS),
});
export type ReportBody = Decoded<typeof reportBodyCodec>;

/** The bytes of a body, of which a million receipts make 150 MB. */
export function encodeReportBody(body: ReportBody): Uint8Array {
  const { verdicts, lifetimes, settlements, escrowDebits, carried } = body;
  const credits = lifetimes.reduce((sum, { credits: { length } }) => sum + length, 0);
  const rows = verdicts.length + lifetimes.length + settlements.length + escrowDebits.length + carried.length;
  // No other row has as many bytes as 512.
  return encode(reportBodyCodec, body, { expectedBytes: CREDIT_BYTES * credits + 512 * (rows + 1) });
}

/** V-22: the body of a tally's report. */
export function reportBody(parts: {
  readonly epoch: bigint;
  readonly report: Report;
  readonly result: TallyResult;
  readonly verdicts: ReportBody['verdicts'];
}): ReportBody {
  const { epoch, report, result, verdicts } = parts;
  return {
    epoch,
    report,
    verdicts,
    lifetimes: result.lifetimes.map((lifetime) => ({
      ...lifetime,
      credits: result.credits.get(toHex(lifetime.participant)) ?? [],
    })),
    settlements: result.settlements,
    escrowDebits: result.escrowDebits,
    carried: result.carried,
  };
}

/** V-22: the trees of a received body; undefined unless they reach the report that the body states. */
export function treesOfBody(domain: Domain, body: ReportBody): Omit<BuiltReport, 'report'> | undefined {
  return atOnce(treesOfBodySteps(domain, body));
}

/** The same with a pause after the tree of each participant. */
export function* treesOfBodySteps(domain: Domain, body: ReportBody): Steps<Omit<BuiltReport, 'report'> | undefined> {
  const built = yield* rebuiltReportSteps(domain, body);
  return built !== undefined && compareBytes(encode(reportCodec, built.report), encode(reportCodec, body.report)) === 0
    ? { trees: built.trees, state: built.state }
    : undefined;
}

/** What the rows of a received body add up to, whatever its report states; undefined for rows that make no tree. */
export function rebuiltReport(domain: Domain, body: ReportBody): BuiltReport | undefined {
  return atOnce(rebuiltReportSteps(domain, body));
}

function* rebuiltReportSteps(domain: Domain, body: ReportBody): Steps<BuiltReport | undefined> {
  const sorted = body.lifetimes.every((row, i) => i === 0 || (body.lifetimes[i - 1]?.index ?? 0) < row.index);
  const widest = body.lifetimes.at(-1)?.index ?? 0;
  // A single row of a huge index would make a tree that nobody can hold.
  if (!sorted || widest >= MAX_PARTICIPANTS) return undefined;
  const result: TallyResult = {
    lifetimes: body.lifetimes,
    escrowDebits: body.escrowDebits,
    carried: body.carried,
    credits: new Map(
      body.lifetimes.filter(({ credits }) => credits.length > 0).map((row) => [toHex(row.participant), row.credits]),
    ),
    settlements: body.settlements,
    decisions: new Map(),
  };
  try {
    return yield* buildReportSteps(domain, { epoch: body.epoch, result, priorRoot: body.report.priorRoot });
  } catch (error) {
    // A received body whose sums leave 64 bits is a false body, not a fault of ours.
    if (error instanceof KarmeshError && error.code === 'CODEC') return undefined;
    throw error;
  }
}
