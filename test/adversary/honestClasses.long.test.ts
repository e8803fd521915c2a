import { expect, test } from 'vitest';
import { runHonestClasses } from './honestClasses.ts';

test.skipIf(process.arch !== 'x64')(
  'U-05: 1,000 honest requests over three CPU classes raise no alarm, and replicas of a class agree on every one',
  { timeout: 3_600_000 },
  async () => {
    const { largestGapMicro, largestGapSumMicro, mostDiffering, ...result } = await runHonestClasses({ count: 1000 });
    expect(result).toMatchObject({ requests: 1000, audits: 9000, unequalReplicas: [], alarms: [] });
    expect(new Set(result.kernels).size).toBe(3);
    // Classes do differ, so the audits had something to forgive.
    expect(result.requestsThatDiffer).toBeGreaterThan(0);
    process.stdout.write(
      `${result.kernels.join(', ')}: ${result.requestsThatDiffer} of 1,000 answers differ between classes; largest gap ` +
        `${largestGapMicro} and largest sum of an answer ${largestGapSumMicro} micro-logits; at most ${mostDiffering} tokens differ.\n`,
    );
  },
);
