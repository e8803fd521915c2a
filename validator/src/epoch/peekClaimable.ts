import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClaimsOnChain } from '@karmesh/sdk/participant/staking';
import { NONE } from '@karmesh/sdk/program';
import { equalBytes, toHex } from '@karmesh/sdk/protocol';
import { openBodyIndex } from '../store/bodyIndex.ts';
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
  const bodyHash = await reportIn(folder, { epoch, reportHash });
  const bytes = bodyHash === undefined ? undefined : await readIfThere(join(folder, 'bodies', toHex(bodyHash)));
  const report = bytes === undefined ? undefined : parseReport(domain, { bytes, epoch, verdictsRoot, reportHash });
  if (report === undefined) return undefined;
  const { address, lifetimePaid } = of.participant;
  const owed = report.body.lifetimes.find(({ participant }) => equalBytes(participant, address))?.owed ?? 0n;
  return owed > lifetimePaid ? owed - lifetimePaid : 0n;
}

/** The hash of the body that a folder keeps for a report. It looks at a copy, since a validator may be writing. */
async function reportIn(
  folder: string,
  { epoch, reportHash }: { readonly epoch: bigint; readonly reportHash: Uint8Array },
): Promise<Uint8Array | undefined> {
  const temporary = await mkdtemp(join(tmpdir(), 'karmesh-bodies-'));
  try {
    const copy = join(temporary, 'bodies.log');
    await copyFile(join(folder, 'bodies.log'), copy);
    await using index = await openBodyIndex(copy);
    return index.of(epoch).find(({ kind, key }) => kind === 'report' && equalBytes(key, reportHash))?.bodyHash;
  } catch {
    return undefined;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  return readFile(path).catch(() => undefined);
}
