import {
  type Domain,
  equalBytes,
  falseLifetimeEvidence,
  falseSumEvidence,
  type Hash,
  type InnerNode,
  type ReportBody,
  type ReportTrees,
  rebuiltReport,
  reportHashOf,
  type ShownLifetime,
  type ShownNode,
  type ShownPlace,
  type SumTree,
  toHex,
  treeHeight,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import type { FaultName } from './finding.ts';

/** A report whose body is at hand, with all its trees. */
export interface KnownReport {
  readonly body: ReportBody;
  readonly trees: ReportTrees;
}

/** What a report contradicts itself or the one before it in. */
export interface Contradiction {
  readonly what: FaultName;
  readonly evidence: Uint8Array;
}

/**
 * Reads a body that somebody served for a report. Undefined unless its report has this hash and its rows are what stands under
 * that report's root: what else the report says may be false, which is what one looks for.
 */
export function readRevealed(
  domain: Domain,
  revealed: {
    readonly body: ReportBody;
    readonly epoch: bigint;
    readonly verdictsRoot: Hash;
    readonly reportHash: Hash;
  },
): KnownReport | undefined {
  const { body, epoch, verdictsRoot, reportHash } = revealed;
  const stated = reportHashOf(domain, { epoch, verdictsRoot, report: body.report });
  if (body.epoch !== epoch || !equalBytes(stated, reportHash)) return undefined;
  const built = rebuiltReport(domain, body);
  const { root, participantCount } = body.report;
  const isItsOwn =
    built !== undefined && equalBytes(built.report.root, root) && built.report.participantCount === participantCount;
  return isItsOwn ? { body, trees: built.trees } : undefined;
}

/** P-45, P-46: what in a report can be shown to be false by its own rows and those of the final report that it follows on. Undefined for a true report, and for lies that no evidence shows. */
export function contradictionIn(report: KnownReport, prior: KnownReport | undefined): Contradiction | undefined {
  const { totals } = report.body.report;
  const { sums } = report.trees.lifetimes.root;
  // P-45: the totals are those of the root.
  if (totals.some((total, i) => total !== sums[i])) {
    const below = [rootOf(report)];
    return { what: 'sum', evidence: falseSumEvidence(report.body.report, { nodes: [], turns: [], below }) };
  }
  const now = rowsOf(report);
  const then = prior === undefined ? new Map<number, Row>() : rowsOf(prior);
  for (const index of new Set([...now.keys(), ...then.keys()])) {
    const row = now.get(index);
    const before = then.get(index);
    const grown = row === undefined ? undefined : report.trees.credits.get(toHex(row.participant))?.root.sums;
    const isTrue = countersOf(row).every((sum, i) => sum === (countersOf(before)[i] ?? 0n) + (grown?.[i] ?? 0n));
    const isSame = row === undefined || before === undefined || equalBytes(row.participant, before.participant);
    // P-46: the program compares lifetimes of one participant only.
    if (isTrue || !isSame) continue;
    const credits = row === undefined ? undefined : creditsTop(report, row);
    const evidence = falseLifetimeEvidence(report.body.report, {
      index,
      now: placeOf(report, index),
      ...(credits === undefined ? {} : { credits }),
      ...(prior === undefined ? {} : { prior: placeOf(prior, index) }),
    });
    return { what: 'lifetime', evidence };
  }
  return undefined;
}

type Row = ReportBody['lifetimes'][number];

function rowsOf({ body }: KnownReport): ReadonlyMap<number, Row> {
  return new Map(body.lifetimes.map((row) => [row.index, row]));
}

function countersOf(row: Row | undefined): readonly bigint[] {
  return row === undefined ? [0n, 0n, 0n, 0n, 0n, 0n] : [...row.karma, row.owed];
}

function leafOf({ trees }: KnownReport, { participant, karma, owed }: Row): ShownLifetime {
  return {
    lifetime: { participant, karma, owed },
    receiptsRoot: trees.credits.get(toHex(participant))?.root.hash ?? ZERO_HASH,
  };
}

/** A leaf with its path, or that there is none, with a path if the index lies in the tree. */
function placeOf(report: KnownReport, index: number): ShownPlace {
  const { lifetimes } = report.trees;
  if (index >= lifetimes.count) return {};
  const row = rowsOf(report).get(index);
  return { path: lifetimes.path(index), ...(row === undefined ? {} : { leaf: leafOf(report, row) }) };
}

/** The node at the top of a tree of more than one leaf: its right child is the last sibling of the first leaf, its left one that of the first leaf on the right. */
function innerTop(tree: SumTree): InnerNode {
  const firstOnRight = 2 ** (treeHeight(tree.count) - 1);
  return {
    left: tree.path(firstOnRight).at(-1)?.hash ?? ZERO_HASH,
    right: tree.path(0).at(-1)?.hash ?? ZERO_HASH,
    sums: tree.root.sums,
  };
}

/** The root of the lifetime tree. */
function rootOf(report: KnownReport): ShownNode {
  const { lifetimes } = report.trees;
  if (lifetimes.count > 1) return { type: 'inner', node: innerTop(lifetimes) };
  const row = report.body.lifetimes[0];
  return row === undefined ? { type: 'absent' } : { type: 'lifetime', leaf: leafOf(report, row) };
}

/** The top of a participant's receiptsRoot; undefined if that is zero. */
function creditsTop({ trees }: KnownReport, row: Row): ShownNode | undefined {
  const tree = trees.credits.get(toHex(row.participant));
  if (tree === undefined) return undefined;
  const only = row.credits.at(0);
  return tree.count === 1 && only !== undefined
    ? { type: 'credit', credit: only }
    : { type: 'inner', node: innerTop(tree) };
}
