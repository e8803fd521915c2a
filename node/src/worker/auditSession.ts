import type { FrameStream } from '@karmesh/sdk/network';
import {
  type AUDIT_REFUSALS,
  checkAuditAsk,
  decodeAuditFrame,
  encodeAuditFrame,
  equalBytes,
} from '@karmesh/sdk/protocol';
import type { ChallengeProver } from '../engines/challengeProver.ts';
import type { AuditStore } from './stores.ts';
import type { WorkerChain } from './workerChain.ts';

export type AuditOutcome =
  | { readonly kind: 'opened'; readonly epoch: bigint }
  | { readonly kind: 'refused'; readonly reason: (typeof AUDIT_REFUSALS)[number] }
  | { readonly kind: 'nothing-asked' };

/** U-11, U-12: one ask over one stream of `/karmesh/audit/1`. A worker opens an answer to the auditor whom the beacon drew and to nobody else. */
export async function auditSession(
  parts: {
    readonly chain: WorkerChain;
    readonly audits: AuditStore;
    readonly prover?: ChallengeProver | undefined;
  },
  stream: FrameStream,
): Promise<AuditOutcome> {
  const { chain, audits, prover } = parts;
  const { signal } = stream;
  const refuse = async (reason: (typeof AUDIT_REFUSALS)[number]): Promise<AuditOutcome> => {
    await stream.send(encodeAuditFrame({ type: 'refuse', reason }), { signal });
    return { kind: 'refused', reason };
  };
  const bytes = await stream.receive({ signal });
  if (bytes === undefined) return { kind: 'nothing-asked' };
  const ask = decodeAuditFrame(bytes);
  if (ask.type !== 'ask') return refuse('not-drawn');
  // The epoch's beacon, or the report that carried the answer, may be younger than what this worker has polled.
  const isYoung = ask.source === 'carried' && chain.epoch(ask.treeEpoch)?.isFinal !== true;
  if (isYoung || chain.epoch(ask.epoch)?.beacon === undefined) await chain.refresh({ signal }).catch(() => undefined);
  const judged = checkAuditAsk(chain, { ask, asker: stream.remote });
  if (judged.verdict === 'reject') return refuse(judged.reason);
  const { value } = judged.receipt.receipt;
  if (!equalBytes(value.worker, chain.participant)) return refuse('unknown-receipt');
  const { receiptHash } = judged;
  const record = await audits.get({ epoch: value.epoch, receiptHash });
  if (record === undefined) return refuse('unknown-receipt');
  const { request, tokens, salt } = record;
  let challenge: Uint8Array = new Uint8Array();
  if (request.assurance === 'proof' && prover !== undefined) {
    const { entryHash, drawnEpoch: epoch, drawnBeacon: beacon } = judged;
    const { requestId } = ask.entry.ticket.value;
    const answer = await prover.answer({ epoch, beacon, entryHash, requestId, request, tokens });
    if (answer === undefined) return refuse('proving');
    challenge = answer;
  }
  await stream.send(encodeAuditFrame({ type: 'open', request, tokens, salt, receiptHash, challenge }), { signal });
  return { kind: 'opened', epoch: ask.epoch };
}
