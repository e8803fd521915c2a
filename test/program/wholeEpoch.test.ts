import { describe, test } from 'vitest';
import { findValidator } from '../harness/cluster.ts';
import { clusterLedger } from './ledger/clusterLedger.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { wholeEpoch } from './wholeEpoch.ts';

describe('P-01 to P-22: two epochs from registration to claims', () => {
  test('in process', async () => {
    await wholeEpoch(liteSvmLedger());
  });

  test('on localnet', { timeout: 120_000 }, async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'localnet', slotMs: 50, signal });
    await wholeEpoch(ledger);
  });

  test.skipIf(findValidator() === undefined)('on a real validator', { timeout: 300_000 }, async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'validator', slotMs: 100, signal });
    await wholeEpoch(ledger);
  });
});
