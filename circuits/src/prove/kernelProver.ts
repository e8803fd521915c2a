import { readFile } from 'node:fs/promises';
import { CircuitsError } from '../errors.ts';
import { kernelFault } from '../kernel/kernelFault.ts';
import { openKernel } from '../kernel/openKernel.ts';
import { PROOF_BYTES } from '../verify/verifyProof.ts';
import type { Prover } from './prover.ts';
import { signalsOf } from './signals.ts';

const RANDOM_BYTES = 128;
const SIGNAL_BYTES = 32;
const NO_KEY = 2 ** 32 - 1;

/** The prover of native/, in WebAssembly. */
export function kernelProver(): Prover {
  return {
    async prove({ zkey, witness }) {
      const key = await readFile(zkey);
      // Memory of an instance only grows, so each proof has one of its own.
      const kernel = await openKernel();
      const put = (bytes: Uint8Array): number => {
        const at = kernel.allocate(bytes.length) >>> 0;
        new Uint8Array(kernel.memory.buffer).set(bytes, at);
        return at;
      };
      const keyAt = put(key);
      const witnessAt = put(witness);
      const randomAt = put(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)));
      const count = kernel.public_count(keyAt, key.length) >>> 0;
      if (count === NO_KEY) throw new CircuitsError('FILE_INVALID', 'This is not a .zkey file.', { zkey });
      const proofAt = kernel.allocate(PROOF_BYTES) >>> 0;
      const signalsAt = kernel.allocate(count * SIGNAL_BYTES) >>> 0;
      const status = kernel.prove(keyAt, key.length, witnessAt, witness.length, randomAt, proofAt, signalsAt);
      if (status !== 0) throw kernelFault(status);
      const bytes = new Uint8Array(kernel.memory.buffer);
      return {
        proof: bytes.slice(proofAt, proofAt + PROOF_BYTES),
        signals: signalsOf(bytes.subarray(signalsAt, signalsAt + count * SIGNAL_BYTES)),
      };
    },
  };
}
