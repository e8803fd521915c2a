import { expect, test } from 'vitest';
import { runHonestClasses } from './honestClasses.ts';

// The full count is in honestClasses.long.test.ts. Emulated classes are libraries of x86-64 (test/detection/cpuClasses.ts).
test.skipIf(process.arch !== 'x64')(
  'U-05: honest workers of three CPU classes raise no alarm in each other’s audits, and replicas of a class agree',
  { timeout: 120_000 },
  async () => {
    const result = await runHonestClasses({ count: 30 });
    expect(result).toMatchObject({ requests: 30, audits: 270, unequalReplicas: [], alarms: [] });
    expect(new Set(result.kernels).size).toBe(3);
  },
);
