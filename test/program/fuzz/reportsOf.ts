import { parameterIn, share } from '../model/amounts.ts';
import { balanceOf } from '../model/escrow.ts';
import { innerNode, lifetimeLeaf, type Settlement, settlementLeaf } from '../model/hashes.ts';
import { type Config, type Key, type Ledger, type Report, ZERO } from '../model/ledger.ts';
import { heightOf, type SumStep } from '../model/reports.ts';
import { keyNamed } from './cast.ts';
import type { Random } from './random.ts';

/** What a report says of one participant. */
export interface Row {
  readonly index: number;
  readonly participant: Key;
  readonly lifetime: readonly bigint[];
  readonly owed: bigint;
}

/** A report with all that it takes to settle and to claim by it. */
export interface Built {
  readonly epoch: bigint;
  readonly report: Report;
  readonly rows: readonly (Row & { readonly path: readonly Key[] })[];
  readonly settlements: readonly (Settlement & { readonly path: readonly SumStep[] })[];
}

/** The levels of a tree over nodes, padded with `absent` ones to a power of two, the leaves first. */
function levelsOf<T>(leaves: readonly T[], absent: T, join: (left: T, right: T) => T): T[][] {
  const levels = [Array.from({ length: 2 ** heightOf(leaves.length) }, (_, i) => leaves[i] ?? absent)];
  for (let below = levels[0] ?? []; below.length > 1; below = levels.at(-1) ?? []) {
    levels.push(
      Array.from({ length: below.length / 2 }, (_, i) => join(below[2 * i] ?? absent, below[2 * i + 1] ?? absent)),
    );
  }
  return levels;
}

function pathOf<T>(levels: readonly T[][], index: number): T[] {
  return levels.slice(0, -1).flatMap((nodes, level) => {
    const sibling = nodes[(index >> level) ^ 1];
    return sibling === undefined ? [] : [sibling];
  });
}

/** What a lie is about: caps, the prior root, or more than an escrow holds or allows. */
export type Lie = 'none' | 'caps' | 'prior' | 'escrow';

/** A report on an epoch over the rows of the last final one. */
export function makeReport(
  ledger: Ledger,
  of: { readonly config: Config; readonly epoch: bigint; readonly prior: readonly Row[]; readonly lie: Lie },
  random: Random,
): Built {
  const { config, epoch, lie } = of;
  const settlements = settlementsOf(ledger, lie, random);
  const settled = settlements.reduce((sum, { debit }) => sum + debit, 0n);
  const rows = grown(ledger, { ...of, settled }, random);
  const participantCount = (rows.at(-1)?.index ?? -1) + 1;
  const leaves: Key[] = Array.from({ length: participantCount }, () => ZERO);
  for (const row of rows) leaves[row.index] = lifetimeLeaf(config.domain, epoch, { ...row, receiptsRoot: ZERO });
  const claims = levelsOf(leaves, ZERO, innerNode);
  const sums = levelsOf<SumStep>(
    settlements.map((one) => ({ hash: settlementLeaf(config.domain, epoch, one), sum: one.debit })),
    { hash: ZERO, sum: 0n },
    (left, right) => ({
      hash: innerNode(left.hash, right.hash, [left.sum + right.sum]),
      sum: left.sum + right.sum,
    }),
  );
  const top = sums.at(-1)?.[0];
  const total = (i: number): bigint =>
    rows.reduce((sum, { lifetime, owed }) => sum + (i < 5 ? (lifetime[i] ?? 0n) : owed), 0n);
  const totals = [0, 1, 2, 3, 4, 5].map(total);
  const report: Report = {
    // The program never looks below this root: claims are made by the other one.
    root: keyNamed(`root ${epoch} ${totals.join(' ')} ${random.below(1_000_000)}`),
    totals,
    participantCount,
    settlementsRoot: settlements.length === 0 ? ZERO : (top?.hash ?? ZERO),
    settlementsTotal: settled,
    escrowCount: settlements.length,
    carriedRoot: ZERO,
    carriedCount: 0,
    priorRoot: lie === 'prior' ? keyNamed('another root') : config.lastRoot,
    claimsRoot: claims.at(-1)?.[0] ?? ZERO,
  };
  return {
    epoch,
    report,
    rows: rows.map((row) => ({ ...row, path: pathOf(claims, row.index) })),
    settlements: settlements.map((one, i) => ({ ...one, path: pathOf(sums, i) })),
  };
}

/** Some escrows' debits, each within what it holds and allows, or a little beyond. */
function settlementsOf(ledger: Ledger, lie: Lie, random: Random): Settlement[] {
  const settlements: Settlement[] = [];
  for (const [escrow, { data, lamports }] of ledger.accounts) {
    if (data?.kind !== 'escrow' || random.chance(20)) continue;
    const allowed = data.authorised - data.cumulativeDebit;
    const held = balanceOf(lamports);
    const most = allowed < held ? allowed : held;
    const beyond = lie === 'escrow' ? 1n : 0n;
    // Not all at once, so that later epochs have something to settle.
    const debit = (random.chance(15) || beyond > 0n ? most : random.amount(most / 8n)) + beyond;
    settlements.push({ escrow, cumulativeAfter: data.cumulativeDebit + debit, debit });
  }
  return settlements;
}

/** The rows after an epoch: everything grows within its cap, often up to it, and beyond it in a lie. */
function grown(
  ledger: Ledger,
  of: {
    readonly config: Config;
    readonly epoch: bigint;
    readonly prior: readonly Row[];
    readonly lie: Lie;
    readonly settled: bigint;
  },
  random: Random,
): Row[] {
  const { config, epoch, prior, lie, settled } = of;
  const parameter = (place: number): bigint => parameterIn(config, place, epoch);
  const rows = new Map<number, { index: number; participant: Key; lifetime: bigint[]; owed: bigint }>();
  for (const row of prior) rows.set(row.index, { ...row, lifetime: [...row.lifetime] });
  for (const [participant, { data }] of ledger.accounts) {
    if (data?.kind !== 'participant' || rows.has(data.index)) continue;
    rows.set(data.index, { index: data.index, participant, lifetime: [0n, 0n, 0n, 0n, 0n], owed: 0n });
  }
  const all = [...rows.values()].sort((a, b) => a.index - b.index);
  const epochData = [...ledger.accounts.values()].find(
    ({ data }) => data?.kind === 'epoch' && data.epoch === epoch,
  )?.data;
  const validators = epochData?.kind === 'epoch' ? BigInt(epochData.validatorCount) : 0n;
  const count = BigInt(all.length);
  const caps = [
    parameter(12) * share(settled, parameter(11)),
    parameter(13) * count,
    parameter(14) * count,
    0n,
    parameter(15) * validators,
    share(settled, parameter(10) + parameter(23) + parameter(24)),
  ];
  const lied = lie === 'caps' ? random.pick([0, 1, 2, 4, 5]) : undefined;
  for (const [i, cap] of caps.entries()) {
    const growth = i === lied ? cap + 1n : random.chance(40) ? cap : random.amount(cap);
    const parts = random.chance(50) ? [growth] : [growth / 3n, growth - growth / 3n];
    for (const part of parts) {
      const row = random.pick(all);
      if (row === undefined) continue;
      if (i === 5) row.owed += part;
      // Redundancy shares the cap of inference.
      else if (i === 0 && random.chance(30)) row.lifetime[3] = (row.lifetime[3] ?? 0n) + part;
      else row.lifetime[i] = (row.lifetime[i] ?? 0n) + part;
    }
  }
  return all;
}
