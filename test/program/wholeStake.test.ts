import { describe, test } from 'vitest';
import { findValidator } from '../harness/cluster.ts';
import { clusterLedger } from './ledger/clusterLedger.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { wholeStake } from './wholeStake.ts';

describe('P-28 to P-35: stakes of lamports and tokens from the first lamport to the last', () => {
  test('in process', async () => {
    await wholeStake(liteSvmLedger());
  });

  test('on localnet', { timeout: 120_000 }, async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'localnet', slotMs: 50, signal });
    await wholeStake(ledger);
  });

  test.skipIf(findValidator() === undefined)('on a real validator', { timeout: 300_000 }, async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'validator', slotMs: 100, signal });
    await wholeStake(ledger);
  });
});
