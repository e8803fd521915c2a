import type { Method } from '../method.ts';
import { accountMethods } from './accounts.ts';
import { clusterMethods } from './cluster.ts';
import { historyMethods } from './history.ts';
import { transactionMethods } from './transactions.ts';

/** Every HTTP method that localnet answers. */
export const methods: ReadonlyMap<string, Method> = new Map(
  Object.entries({ ...accountMethods, ...clusterMethods, ...historyMethods, ...transactionMethods }),
);
