import { describe, test } from 'vitest';
import { findValidator } from '../harness/cluster.ts';
import { clusterLedger } from './ledger/clusterLedger.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { provenToken } from './provenToken.ts';

describe('P-23 to P-26: a token from its model’s keys to the end of what was proven of it', () => {
  test('in process', async () => {
    await provenToken(liteSvmLedger());
  });

  test('on localnet', { timeout: 120_000 }, async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'localnet', slotMs: 50, signal });
    await provenToken(ledger);
  });

  test.skipIf(findValidator() === undefined)('on a real validator', { timeout: 300_000 }, async ({ signal }) => {
    await using ledger = await clusterLedger({ kind: 'validator', slotMs: 100, signal });
    await provenToken(ledger);
  });
});
