import { inspectKey } from './inspectKey.ts';

/** What a cluster asks of keys. */
export interface AdmissionPolicy {
  /** Localnet alone takes INSECURE DEVELOPMENT KEYS. */
  readonly allowsDevelopmentKeys: boolean;
  /** Contributions before the beacon, at least. */
  readonly contributions: number;
  /**
   * The hash that who admits has got by itself: from the constraints, which it built out of the weights, and from the powers of tau that the cluster has
   * pinned (`snarkjs groth16 setup` writes it). 64 bytes.
   */
  readonly circuitHash: Uint8Array;
}

export type AdmissionVerdict =
  | { readonly verdict: 'accept'; readonly insecure: boolean }
  | { readonly verdict: 'reject'; readonly rule: 'Z-20' | 'Z-32' | 'Z-33' | 'Z-34'; readonly fault: string };

/**
 * Whether a cluster takes a .zkey file for a layer. That its points follow from its contributions is for `snarkjs zkey verify` to say, which in turn says "ZKey Ok!" to keys that
 * this refuses. Throws `FILE_INVALID` for what is no key.
 */
export function admitKey(zkey: Uint8Array, policy: AdmissionPolicy): AdmissionVerdict {
  const { hasOwnDelta, insecure, circuitHash, contributions } = inspectKey(zkey);
  if (!hasOwnDelta) return reject('Z-20', 'its gamma is its delta: everybody can prove anything under it');
  if (insecure)
    return policy.allowsDevelopmentKeys
      ? { verdict: 'accept', insecure }
      : reject('Z-32', 'it is an INSECURE DEVELOPMENT KEY');
  // A development key to which somebody contributed has lost its label, and everybody still knows its tau, alpha and beta.
  if (circuitHash.length !== policy.circuitHash.length || circuitHash.some((byte, i) => byte !== policy.circuitHash[i]))
    return reject('Z-33', 'it began with other constraints or other powers of tau');
  const last = contributions.at(-1);
  if (last?.kind !== 'beacon' || contributions.length - 1 < policy.contributions)
    return reject('Z-34', `it has ${contributions.length} contributions, the last of them ${last?.kind ?? 'none'}`);
  return { verdict: 'accept', insecure };
}

function reject(rule: 'Z-20' | 'Z-32' | 'Z-33' | 'Z-34', fault: string): AdmissionVerdict {
  return { verdict: 'reject', rule, fault };
}
