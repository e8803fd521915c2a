import { describe } from 'vitest';
import { findValidator } from '../harness/cluster.ts';
import { deploySuite } from './deploySuite.ts';

// Skipped by name where there is none: the product does not depend on it.
describe.skipIf(findValidator() === undefined)('karmesh deploy on solana-test-validator', () =>
  deploySuite('validator'),
);
