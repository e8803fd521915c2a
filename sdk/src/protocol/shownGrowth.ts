import { toHex } from './bytes.ts';
import type { CreditList } from './creditList.ts';
import type { ChallengedPlace, ShownGrowth, ShownNode, ShownPlace } from './evidence.ts';
import { ZERO_HASH } from './hash.ts';
import { type SumTree, treeHeight } from './merkle.ts';
import type { ReportBody, ReportTrees } from './report.ts';

/** A report as who tallied it, or took its body (V-22), keeps it. */
export interface KeptReport {
  readonly lifetimes: ReportBody['lifetimes'];
  readonly trees: Pick<ReportTrees, 'lifetimes' | 'claims' | 'credits'>;
}

function rowAt(kept: KeptReport, index: number): ReportBody['lifetimes'][number] | undefined {
  return kept.lifetimes.find((row) => row.index === index);
}

/** What a report has at a registration index, as its preimages show it. */
function shownPlace(kept: KeptReport, index: number): ShownPlace {
  const { trees } = kept;
  if (index >= trees.lifetimes.count) return {};
  const path = trees.lifetimes.path(index);
  const row = rowAt(kept, index);
  if (row === undefined) return { path };
  const receiptsRoot = trees.credits.get(toHex(row.participant))?.root.hash ?? ZERO_HASH;
  return { path, leaf: { lifetime: row, receiptsRoot } };
}

/** The top of a tree of credits: the only credit, or an inner node, whose children are the last siblings on two paths. */
function topOf(tree: SumTree, credits: CreditList): ShownNode | undefined {
  const only = credits.at(0);
  if (only === undefined) return undefined;
  if (credits.length === 1) return { type: 'credit', credit: only };
  const left = tree.path(2 ** (treeHeight(tree.count) - 1)).at(-1)?.hash ?? ZERO_HASH;
  const right = tree.path(0).at(-1)?.hash ?? ZERO_HASH;
  return { type: 'inner', node: { left, right, sums: tree.root.sums } };
}

/** P-46, P-49: what a report says of a registration index, with what it follows from. `prior` is left out if the report follows on none. */
export function shownGrowth(
  kept: KeptReport,
  at: { readonly index: number; readonly prior?: KeptReport },
): ShownGrowth {
  const { index, prior } = at;
  const row = rowAt(kept, index);
  const tree = row && kept.trees.credits.get(toHex(row.participant));
  const credits = row && tree && topOf(tree, row.credits);
  return {
    index,
    now: shownPlace(kept, index),
    ...(credits === undefined ? {} : { credits }),
    ...(prior === undefined ? {} : { prior: shownPlace(prior, index) }),
  };
}

/** P-49: what answers a challenge of an index below the report's participantCount. */
export function challengedPlace(
  kept: KeptReport,
  at: { readonly index: number; readonly prior?: KeptReport },
): ChallengedPlace {
  return { ...shownGrowth(kept, at), claimPath: kept.trees.claims.path(at.index) };
}
