import { afterAll, beforeAll } from 'vitest';
import type { ClusterKind } from '../../harness/cluster.ts';
import { accountsContract } from './accountsContract.ts';
import { clusterContract } from './clusterContract.ts';
import { type Fixture, startFixture } from './fixture.ts';
import { httpContract } from './httpContract.ts';
import { subscriptionsContract } from './subscriptionsContract.ts';
import { transactionsContract } from './transactionsContract.ts';

/** What any cluster that Karmesh runs on must do, and what localnet and a real validator must agree on. */
export function rpcContract(kind: ClusterKind): void {
  let started: Fixture | undefined;
  const fixture = (): Fixture => {
    if (started === undefined) throw new Error('The cluster has not started.');
    return started;
  };
  beforeAll(async () => {
    started = await startFixture(kind);
  });
  afterAll(() => started?.[Symbol.asyncDispose]());

  clusterContract(fixture);
  transactionsContract(fixture);
  accountsContract(fixture);
  subscriptionsContract(fixture);
  httpContract(fixture);
}
