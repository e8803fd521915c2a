import type { Prices } from '@karmesh/sdk/client';
import { durationOf } from '../page/durationOf.ts';

type Fee = Pick<Prices, 'baseFeeThousandths' | 'baseFeeCeiling' | 'baseFeeTarget' | 'baseFeeStepMs'>;

/** What the base fee is now, and where it may go from there (L-06). */
export function baseFeeSentences(fee: Fee, waiting: number): readonly string[] {
  const { baseFeeCeiling: ceiling, baseFeeStepMs: stepMs, baseFeeTarget: target, baseFeeThousandths: now } = fee;
  const direction = waiting > target ? 'it rises' : waiting === target ? 'it stays' : 'it falls';
  const isEnd = (direction === 'it rises' && now >= ceiling) || (direction === 'it falls' && now <= LEAST);
  return [
    now === LEAST
      ? 'The base fee is 1, the least that it can be.'
      : `The base fee is ${timesOf(now)}: every lane costs that many times its price.`,
    `${waiting} ${waiting === 1 ? 'request waits' : 'requests wait'} and ${target} may: ${isEnd ? 'it stays' : direction}. ` +
      `With more it rises by an eighth at most every ${durationOf(stepMs)}, up to ${timesOf(ceiling)}; with fewer it falls again.`,
  ];
}

const LEAST = 1_000;

/** 1125 thousandths as `1.125`. */
export function timesOf(thousandths: number): string {
  return (thousandths / 1_000).toString();
}
