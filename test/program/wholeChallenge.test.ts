import { describe, test } from 'vitest';
import { findValidator } from '../harness/cluster.ts';
import { clusterLedger } from './ledger/clusterLedger.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { wholeChallenge } from './wholeChallenge.ts';

describe('P-49, P-50: from a challenge to an answer and to a case', () => {
  test('in process', async () => {
    await wholeChallenge(liteSvmLedger());
  });

  test('on localnet', { timeout: 120_000 }, async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'localnet', slotMs: 50, signal });
    await wholeChallenge(ledger);
  });

  test.skipIf(findValidator() === undefined)('on a real validator', { timeout: 300_000 }, async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'validator', slotMs: 100, signal });
    await wholeChallenge(ledger);
  });
});
