import { type Hash, hash, ZERO_HASH } from '@karmesh/sdk/protocol';
import type { TokenLogit } from './sampler.ts';

/** S-08: how many of the highest logits a trace keeps per token. */
export const TRACE_TOP = 4;

/** S-08: one output token with the highest raw logits that it was taken from, in the order of S-01. */
export interface TraceStep {
  readonly token: number;
  readonly top: readonly TokenLogit[];
}

const INNER = new Uint8Array([1]);

/** S-08: `H(0x00 || position u32 || token u32 || 4 x (id u32 || logit as the bits of a 32-bit float))`; a smaller vocabulary leaves zeros. */
export function traceLeaf(position: number, step: TraceStep): Hash {
  const bytes = new Uint8Array(9 + 8 * TRACE_TOP);
  const view = new DataView(bytes.buffer);
  view.setUint32(1, position, true);
  view.setUint32(5, step.token, true);
  for (const [i, { token, logit }] of step.top.slice(0, TRACE_TOP).entries()) {
    view.setUint32(9 + 8 * i, token, true);
    view.setFloat32(13 + 8 * i, logit, true);
  }
  return hash(bytes);
}

/** S-08: the Merkle root over the leaves: inner = `H(0x01 || left || right)`, an odd node is carried up as it is. No leaf: 32 zero bytes. */
export function traceRootOf(leaves: readonly Hash[]): Hash {
  let level = leaves;
  while (level.length > 1) {
    const above: Hash[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left !== undefined) above.push(right === undefined ? left : hash(INNER, left, right));
    }
    level = above;
  }
  return level[0] ?? ZERO_HASH;
}
