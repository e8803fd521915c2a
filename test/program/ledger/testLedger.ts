import { onTestFinished, TestRunner } from 'vitest';
import type { Ledger } from './ledger.ts';
import { liteSvmLedger } from './liteSvmLedger.ts';
import { liveCluster } from './liveCluster.ts';
import { liveLedger } from './liveLedger.ts';

/** The ledger of a test that any cluster can run: the machine in process, or the cluster that --url names. It ends with the test. */
export async function testLedger(): Promise<Ledger> {
  if (liveCluster === undefined) return liteSvmLedger();
  const signal = TestRunner.getCurrentTest()?.context.signal ?? new AbortController().signal;
  const ledger = await liveLedger({ ...liveCluster, signal });
  onTestFinished(() => ledger[Symbol.asyncDispose]());
  return ledger;
}
