import { expect, test } from 'vitest';
import { baseFeeSentences } from './baseFeeSentences.ts';

const rule = { baseFeeTarget: 16, baseFeeCeiling: 8_000, baseFeeStepMs: 1_000 };
const then = 'With more it rises by an eighth at most every 1 s, up to 8; with fewer it falls again.';
const raised = (fee: string) => `The base fee is ${fee}: every lane costs that many times its price.`;

test.each([
  [1_000, 0, 'The base fee is 1, the least that it can be.', `0 requests wait and 16 may: it stays. ${then}`],
  [1_125, 1, raised('1.125'), `1 request waits and 16 may: it falls. ${then}`],
  [1_125, 16, raised('1.125'), `16 requests wait and 16 may: it stays. ${then}`],
  [1_125, 17, raised('1.125'), `17 requests wait and 16 may: it rises. ${then}`],
  [8_000, 99, raised('8'), `99 requests wait and 16 may: it stays. ${then}`],
])('L-06: a base fee of %i thousandths where %i wait', (baseFeeThousandths, waiting, now, next) => {
  expect(baseFeeSentences({ ...rule, baseFeeThousandths }, waiting)).toEqual([now, next]);
});
