import { expect, test } from 'vitest';
import { renderVerdict } from './receiptVerifyCommand.ts';

const verdict = {
  holds: true,
  checks: [{ rule: 'B-02', what: 'the bundle is of this cluster and program', holds: true, facts: {} }],
  pending: [],
  requestId: new Uint8Array(32),
  epoch: 1n,
};

test('B-09: a bundle from which the proofs are missing says so', () => {
  expect(renderVerdict(verdict)).not.toMatch(/Proofs/);
  expect(renderVerdict({ ...verdict, lacksProof: true })).toMatch(/Proofs were asked for, and this bundle has none/);
});
