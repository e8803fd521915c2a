import { describe } from 'vitest';
import { findValidator } from '../../harness/cluster.ts';
import { rpcContract } from './rpcContract.ts';

// Skipped by name where there is none: the product does not depend on it.
describe.skipIf(findValidator() === undefined)('RPC contract: solana-test-validator', () => rpcContract('validator'));
