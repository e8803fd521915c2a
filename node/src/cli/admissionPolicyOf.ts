import type { AdmissionPolicy } from '@karmesh/circuits';
import { fromHex } from '@karmesh/sdk/protocol';
import type { AdmissionConfig } from './config.ts';

/** What settings ask of a key of a ceremony. */
export function admissionPolicyOf({ contributions, slotHash, contributionHashes }: AdmissionConfig): AdmissionPolicy {
  return {
    allowsDevelopmentKeys: false,
    contributions,
    beacon: slotHash === undefined ? undefined : fromHex(slotHash),
    contributionHashes: contributionHashes.map(fromHex),
  };
}
