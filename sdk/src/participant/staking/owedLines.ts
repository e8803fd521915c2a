import { amountText } from './amounts.ts';
import { momentText } from './moment.ts';
import type { Owed } from './readOwed.ts';
import type { StakeStanding } from './standing.ts';

/** What is owed, as a person reads it: a line for each thing that there is. */
export function owedLines(
  { stakes, collectableLamports, commission, votes, paidLamports }: Owed,
  /** What claims have yet to bring, where that is known. */
  claimableLamports: bigint | undefined,
): readonly string[] {
  return [
    ...stakes.flatMap(stakeLines),
    ...(commission === undefined ? [] : [`commission  ${commissionText(commission)}`]),
    `to collect  ${collectableLamports === 0n ? 'nothing yet' : amountText(collectableLamports)}`,
    ...(votes === undefined ? [] : [`open votes  ${votesText(votes)}`]),
    ...(paidLamports === undefined
      ? []
      : [`claims      ${amountText(paidLamports)} paid to the owner so far; ${claimableText(claimableLamports)}`]),
  ];
}

function claimableText(lamports: bigint | undefined): string {
  return lamports === undefined
    ? 'validators bring what is owed by themselves'
    : `${amountText(lamports)} by the last report are on their way, which validators bring by themselves`;
}

function stakeLines({ asset, worth, rewardLamports, leaving }: StakeStanding): readonly string[] {
  const name = `stake of ${asset}`;
  return [
    `${name}  ${amountText(worth, asset)} that count; ${amountText(rewardLamports)} of rewards`,
    ...(leaving === undefined
      ? []
      : [
          `on its way  ${amountText(leaving.worth, asset)}, of which ${amountText(leaving.freeWorth, asset)} are free`,
          `            first ${momentText(leaving.first)}; all ${momentText(leaving.all)}`,
        ]),
  ];
}

function commissionText({ lamports, bps, later }: NonNullable<Owed['commission']>): string {
  const then = later === undefined ? '' : `, ${percentText(later.bps)} from epoch ${later.fromEpoch} on`;
  return `${amountText(lamports)}, at ${percentText(bps)}${then}`;
}

function votesText({ count, lamports, yoursLamports, next }: NonNullable<Owed['votes']>): string {
  if (next === undefined) return count === 0 ? 'none' : `${count}, of epochs that are not final`;
  return `${count}; those of final epochs bring ${amountText(lamports)}, of which some ${yoursLamports} lamports are yours, the next from ${momentText(next)}`;
}

/** 250 as `2.5 %`. */
export function percentText(bps: number): string {
  return `${bps / 100} %`;
}
