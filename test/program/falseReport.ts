import { EPOCH_STATE } from '@karmesh/sdk/program';
import {
  claimsTree,
  type Hash,
  type KarmaVector,
  type Report,
  type Settlement,
  type ShownLifetime,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { type BuiltReport, makeReport, toReported } from './epochSteps.ts';
import { type Lie, type ShownTree, shownLeaf, shownTree } from './shownTree.ts';
import { type Member, readEpoch, readParticipant, type World } from './world.ts';

/** What a report says of somebody, with the root of its credits. */
export interface Said {
  readonly member: Member;
  readonly karma: KarmaVector;
  readonly owed?: bigint;
  readonly receiptsRoot?: Hash;
}

/** A report whose tree shows its preimages and may lie. */
export interface ToldReport {
  readonly built: BuiltReport;
  readonly tree: ShownTree;
  /** By registration index. */
  readonly leaves: readonly (ShownLifetime | undefined)[];
}

/** Builds a report by hand. `claimed` are the leaves of its claims tree where they are others than those of the lifetime tree. */
export async function tell(
  world: World,
  told: {
    readonly epoch: bigint;
    readonly said: readonly Said[];
    readonly lies?: readonly Lie[];
    readonly priorRoot?: Hash;
    readonly report?: Partial<Report>;
    readonly settlements?: readonly Settlement[];
    readonly claimed?: ReadonlyMap<number, Hash>;
  },
): Promise<ToldReport> {
  const { epoch, priorRoot = ZERO_HASH } = told;
  const sparse: (ShownLifetime | undefined)[] = [];
  for (const { member, karma, owed = 0n, receiptsRoot = ZERO_HASH } of told.said) {
    const { index } = await readParticipant(world, member.address);
    sparse[index] = { lifetime: { participant: member.address, karma, owed }, receiptsRoot };
  }
  const leaves = Array.from(sparse);
  const placed = leaves.map((leaf) => (leaf === undefined ? undefined : shownLeaf(world, epoch, leaf)));
  const tree = shownTree(placed, told.lies);
  const claims = claimsTree(
    placed.map((leaf, index) => {
      const claimed = told.claimed?.get(index);
      return claimed === undefined ? leaf : { hash: claimed };
    }),
  );
  const built = await makeReport(world, {
    epoch,
    earned: new Map(),
    priorRoot,
    settlements: told.settlements ?? [],
  });
  const report: Report = {
    ...built.report,
    root: tree.root.hash,
    totals: [...tree.root.sums] as unknown as Report['totals'],
    participantCount: leaves.length,
    claimsRoot: claims.root,
    ...told.report,
  };
  return { built: { ...built, report, trees: { ...built.trees, claims } }, tree, leaves };
}

/** Has every validator vote for the report, true or false. */
export async function voteFor(world: World, { built }: ToldReport): Promise<void> {
  await toReported(world, built);
  const { state, root } = await readEpoch(world, built.epoch);
  if (state !== EPOCH_STATE.reported || root.some((byte, i) => byte !== built.report.root[i])) {
    throw new Error('The report was not taken.');
  }
}
