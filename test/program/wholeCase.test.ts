import { describe, test } from 'vitest';
import { findValidator } from '../harness/cluster.ts';
import { clusterLedger } from './ledger/clusterLedger.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { wholeCase } from './wholeCase.ts';

describe('P-40 to P-48, P-52: from evidence to a slash', () => {
  test('in process', async () => {
    await wholeCase(liteSvmLedger());
  });

  test('on localnet', { timeout: 120_000 }, async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'localnet', slotMs: 50, signal });
    await wholeCase(ledger);
  });

  test.skipIf(findValidator() === undefined)('on a real validator', { timeout: 300_000 }, async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'validator', slotMs: 100, signal });
    await wholeCase(ledger);
  });
});
