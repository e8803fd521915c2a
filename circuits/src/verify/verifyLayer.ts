import { readVerifyingKey, type VerifyingKey } from './verifyingKey.ts';
import { type ProofVerdict, verifyProof } from './verifyProof.ts';

const read = new WeakMap<Uint8Array, VerifyingKey>();

export interface VerifyLayerOptions {
  /** The bytes that the registry has for this operator of this model, never the prover's. */
  readonly verifyingKey: Uint8Array;
  /** By `statementOf`, out of what the verifier itself knows. */
  readonly signals: readonly bigint[];
  readonly proof: Uint8Array;
}

/** Whether a proof is one of the statement under the operator's key. Throws `KEY_INVALID` for a key that no registry admits. */
export function verifyLayer({ verifyingKey, signals, proof }: VerifyLayerOptions): ProofVerdict {
  const key = read.get(verifyingKey) ?? readVerifyingKey(verifyingKey);
  // Checking a key’s points takes longer than checking a proof.
  read.set(verifyingKey, key);
  return verifyProof({ key, signals, proof });
}
