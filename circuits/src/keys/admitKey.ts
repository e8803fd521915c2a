import { readFile } from 'node:fs/promises';
import { snarkjsVerdict } from '../ceremony/snarkjsPhases.ts';
import { type Contribution, inspectKey, MOST_BEACON_ITERATIONS } from './inspectKey.ts';

/** What a cluster asks of keys. */
export interface AdmissionPolicy {
  /** Localnet alone takes INSECURE DEVELOPMENT KEYS. */
  readonly allowsDevelopmentKeys: boolean;
  /** Contributions before the beacon, at least. */
  readonly contributions: number;
  /** What the beacon must be: the hash of the slot that had been announced. Any is taken unless told. */
  readonly beacon?: Uint8Array | undefined;
  /** Contributions that must be among them: what contributors have published when they had made theirs. 64 bytes each. */
  readonly contributionHashes?: readonly Uint8Array[] | undefined;
}

export interface AdmitKeyOptions {
  /** A .zkey file. */
  readonly zkey: string;
  /**
   * What the layer's key must have begun with: who admits has made it by itself (`beginKey`), from the constraints, which it built out of the weights, and from the powers of tau
   * that the cluster has pinned. Without, no key but a development key is admitted.
   */
  readonly beginning?: { readonly zkey: string; readonly powersOfTau: string } | undefined;
  readonly policy: AdmissionPolicy;
  readonly signal?: AbortSignal | undefined;
}

export type AdmissionRule = 'Z-20' | 'Z-32' | 'Z-33' | 'Z-34';

export type AdmissionVerdict =
  | { readonly verdict: 'accept'; readonly insecure: boolean; readonly contributions: readonly Contribution[] }
  | { readonly verdict: 'reject'; readonly rule: AdmissionRule; readonly fault: string };

/**
 * Whether a cluster takes a .zkey file for a layer: by what it says of itself, and then by `snarkjs zkey verify`, which tells whether its points follow from its contributions and says
 * "ZKey Ok!" to keys that are refused here. Throws `FILE_INVALID` for what is no key.
 */
export async function admitKey({ zkey, beginning, policy, signal }: AdmitKeyOptions): Promise<AdmissionVerdict> {
  const { hasOwnDelta, insecure, circuitHash, contributions } = inspectKey(await readFile(zkey));
  if (!hasOwnDelta) return reject('Z-20', 'its gamma is its delta: everybody can prove anything under it');
  if (insecure)
    return policy.allowsDevelopmentKeys
      ? { verdict: 'accept', insecure, contributions }
      : reject('Z-32', 'it is an INSECURE DEVELOPMENT KEY');
  if (beginning === undefined) return reject('Z-33', 'nobody has built what it must have begun with');
  // A development key to which somebody contributed has lost its label, and everybody still knows its tau, alpha and beta.
  const begun = inspectKey(await readFile(beginning.zkey));
  if (!Buffer.from(circuitHash).equals(begun.circuitHash))
    return reject('Z-33', 'it began with other constraints or other powers of tau');
  const fault = ceremonyFault(contributions, policy);
  if (fault !== undefined) return reject('Z-34', fault);
  const { accepts, said } = await snarkjsVerdict(['zkvi', beginning.zkey, beginning.powersOfTau, zkey], { signal });
  if (!accepts) return reject('Z-34', `its points do not follow from its contributions: ${said}`);
  return { verdict: 'accept', insecure, contributions };
}

/** Z-34 */
function ceremonyFault(contributions: readonly Contribution[], policy: AdmissionPolicy): string | undefined {
  // Everybody knows what a beacon has added, wherever it stands.
  const secret = contributions.filter(({ kind }) => kind === 'contribution').length;
  if (secret < policy.contributions)
    return `it has ${secret} contributions where ${policy.contributions} are asked for`;
  const beacon = contributions.at(-1)?.beacon;
  if (beacon === undefined) return 'no beacon stands behind its contributions';
  if (contributions.some((each) => (each.beacon?.iterations ?? 0) > MOST_BEACON_ITERATIONS))
    return `a beacon of it is hashed more than 2^${MOST_BEACON_ITERATIONS} times`;
  if (policy.beacon !== undefined && !Buffer.from(policy.beacon).equals(beacon.value))
    return 'another beacon than the one that was announced stands behind its contributions';
  const missing = policy.contributionHashes?.find(
    (hash) => !contributions.some((each) => Buffer.from(each.hash).equals(hash)),
  );
  if (missing !== undefined)
    return `the contribution ${Buffer.from(missing).toString('hex')} is not among its contributions`;
  return undefined;
}

function reject(rule: AdmissionRule, fault: string): AdmissionVerdict {
  return { verdict: 'reject', rule, fault };
}
