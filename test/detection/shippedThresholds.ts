import { clusterPreset } from '@karmesh/sdk/clusters';
import type { AuditThresholds } from '@karmesh/sdk/protocol';
import { auditThresholds } from '../../validator/src/audit/judgeAnswer.ts';

/** U-05: the thresholds that localnet ships with, as its validators read them. */
export function shippedThresholds(): AuditThresholds {
  return auditThresholds(clusterPreset('localnet').offchain);
}
