import { CircuitsError } from '../errors.ts';

/** The statuses of native/src/exports_prover.rs. */
const FAULTS: Readonly<Record<number, string>> = {
  1: 'The constraints are of another format, end early or contradict themselves.',
  2: 'The constraints are over another field, or use custom gates.',
  3: 'The constraints name no wires, or more than 2^24.',
  4: 'The constraints could not be read.',
  5: 'There is not enough memory.',
  6: 'The key is of another format, ends early or contradicts itself.',
  7: 'The key is not for Groth16 over BN254.',
  8: 'The witness is of another format, ends early or contradicts itself.',
  9: 'The witness is over another field.',
  10: 'The witness is of another circuit than the key.',
};

export function kernelFault(status: number): CircuitsError {
  return new CircuitsError('KERNEL_FAILED', FAULTS[status] ?? 'The kernel failed.', { status });
}
