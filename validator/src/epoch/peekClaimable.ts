import type { ClaimsOnChain } from '@karmesh/sdk/participant/staking';
import { NONE } from '@karmesh/sdk/program';
import { equalBytes } from '@karmesh/sdk/protocol';
import { peekBodies, peekBody } from '../store/peekBodies.ts';
import { parseReport } from './ledger.ts';

/**
 * P-21: lamports that the last final report owes a participant and that no claim has brought yet, from a validator's folder, whether it runs or not. Undefined if the folder has
 * no such report.
 */
export async function peekClaimable(folder: string, of: ClaimsOnChain): Promise<bigint | undefined> {
  const { domain, lastFinalisedEpoch: epoch } = of.config;
  if (epoch === NONE) return 0n;
  if (of.lastFinal?.epoch !== epoch) return undefined;
  const { verdictsRoot, reportHash } = of.lastFinal;
  const kept = await peekBodies(folder, epoch);
  const body = kept.find(({ kind, key }) => kind === 'report' && equalBytes(key, reportHash));
  const bytes = body === undefined ? undefined : await peekBody(folder, body.bodyHash);
  const report =
    bytes === undefined ? undefined : await parseReport(domain, { bytes, epoch, verdictsRoot, reportHash });
  if (report === undefined) return undefined;
  const { address, lifetimePaid } = of.participant;
  const owed = report.body.lifetimes.find(({ participant }) => equalBytes(participant, address))?.owed ?? 0n;
  return owed > lifetimePaid ? owed - lifetimePaid : 0n;
}
