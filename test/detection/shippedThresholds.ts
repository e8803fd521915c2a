import { clusterPreset } from '@karmesh/sdk/clusters';
import type { AuditThresholds } from '@karmesh/sdk/protocol';

/** U-05: the thresholds that localnet ships with. */
export function shippedThresholds(): AuditThresholds {
  const { largestGapMicro, gapSumMicroPer1000, differingPer1000 } = clusterPreset('localnet').offchain;
  return { largestGapMicro, gapSumMicroPer1000, differingPer1000: Number(differingPer1000) };
}
