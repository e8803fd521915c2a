import { equalBytes } from '@karmesh/sdk/protocol';
import type { BufferPiece, EvidenceChain } from '../chain/evidenceChain.ts';
import type { EvidenceBudget } from './evidenceBudget.ts';
import { EVIDENCE_COSTS } from './evidenceCosts.ts';

/** P-40: true once the buffer holds every piece that is named; false if the budget ended before. */
export async function isWritten(
  parts: {
    readonly chain: Pick<EvidenceChain, 'buffer' | 'openBuffer' | 'write' | 'closeBuffer'>;
    readonly budget: Pick<EvidenceBudget, 'take'>;
    readonly onStage?: ((stage: string, about: { readonly epoch: bigint }) => void) | undefined;
  },
  wanted: {
    readonly nonce: bigint;
    readonly size: number;
    readonly before: readonly BufferPiece[];
    readonly signal: AbortSignal;
  },
): Promise<boolean> {
  const { chain, budget } = parts;
  const { nonce, size, signal } = wanted;
  let content = (await chain.buffer(nonce, { signal }))?.content;
  if (content !== undefined && content.length !== size) {
    // It is of a finding of another folder of this validator.
    await chain.closeBuffer(nonce, { signal });
    content = undefined;
  }
  if (content === undefined) {
    if (!budget.take(EVIDENCE_COSTS.fee)) return false;
    await chain.openBuffer({ nonce, size }, { signal });
    parts.onStage?.('evidence:opened', { epoch: 0n });
    content = new Uint8Array(size);
  }
  for (const piece of wanted.before) {
    const held = content.subarray(piece.offset, piece.offset + piece.bytes.length);
    if (equalBytes(held, piece.bytes)) continue;
    if (!budget.take(EVIDENCE_COSTS.fee)) return false;
    await chain.write(piece, { signal });
    parts.onStage?.('evidence:written', { epoch: 0n });
  }
  return true;
}
