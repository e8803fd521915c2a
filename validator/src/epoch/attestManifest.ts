import { equalBytes, saltHashOf } from '@karmesh/sdk/protocol';
import type { EpochFacts } from '../chain/chainReader.ts';
import { inSteps } from '../inTurns.ts';
import type { Attestation } from '../slashingProtection/openProtection.ts';
import { manifestKnowledge } from './closeEpoch.ts';
import type { DutyParts, DutyResult, RunDuty } from './dutyParts.ts';
import { checkManifestSteps } from './manifest.ts';
import { manifestRowReader, packedRows } from './manifestRows.ts';
import { readSet } from './readSet.ts';

/** No row has this number. */
const NOT_HELD = 0xffff_ffff;

/** P-13: attests a manifest once all of it is held and holds. Salt and manifest are on disk before the transaction leaves. */
export const attestManifest: RunDuty = async (parts, account, { signal }) => {
  const { domain, me, protection, writer, log } = parts;
  const { epoch, manifestHash } = account;
  const before = protection.attestation(epoch);
  if (before !== undefined && equalBytes(before.manifestHash, manifestHash)) return send(before);
  const checked = await checkAttestable(parts, account, { signal });
  if (checked !== 'done') return checked;
  const bound = await protection.attest({ epoch, manifestHash, salt: parts.randomHash() });
  parts.onStage?.('attestation:bound');
  return send(bound);

  async function send(attestation: Attestation): Promise<DutyResult> {
    const saltHash = saltHashOf(domain, { epoch, validator: me, salt: attestation.salt });
    const signature = await writer.attest({ epoch, manifestHash, saltHash }, { signal });
    log.info({ epoch: epoch.toString(), signature }, 'The manifest was attested.');
    return 'done';
  }
};

/** V-10 to V-15, after fetching what is lacking. */
async function checkAttestable(
  parts: DutyParts,
  account: EpochFacts,
  { signal }: { readonly signal: AbortSignal },
): Promise<DutyResult> {
  const { sets, store, log } = parts;
  const { epoch } = account;
  const manifest = await sets.manifest(account, { signal });
  if (manifest === undefined) return 'waiting';
  await sets.supplement({ account, manifest }, { signal, take: parts.takeEntry });
  const knowledge = await manifestKnowledge(parts, epoch, { signal });
  if (knowledge === undefined) return 'waiting';
  const rowOf = manifestRowReader(knowledge);
  const rows = packedRows();
  const rowAt = new Uint32Array(manifest.entries.length).fill(NOT_HELD);
  for await (const { position, stored } of readSet(store, manifest, { signal })) {
    rowAt[position] = rows.length;
    rows.add(rowOf(stored));
  }
  const held = { length: rowAt.length, at: (position: number) => rows.at(rowAt[position] ?? NOT_HELD) };
  const check = checkManifestSteps(
    { ...knowledge, escrowAtEnd: (escrow) => parts.escrowAtEnd(epoch, escrow) },
    { body: manifest, rows: held },
  );
  const fault = await inSteps(check, { signal });
  if (fault === undefined) return 'done';
  const { rule, facts } = fault;
  if (fault.verdict === 'missing') {
    log.debug({ epoch: epoch.toString(), rule, facts }, 'A manifest cannot be checked yet.');
    return 'waiting';
  }
  const retry = 'when another manifest of the epoch is posted';
  log.warn({ epoch: epoch.toString(), rule, facts, retry }, 'A manifest does not hold and is not attested.');
  return 'refused';
}
