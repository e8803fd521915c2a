import { tensorCommitter } from '@karmesh/circuits/commitment';
import { verifyLayer } from '@karmesh/circuits/verify';
import type { ProofTools } from '@karmesh/sdk/client';

/** What rechecks proofs in this browser, loaded when there are some. Throws a `TypeError` if this page’s own kernel cannot be fetched. */
export async function openProofTools(): Promise<ProofTools> {
  const response = await fetch(new URL('../../../../circuits/wasm/kernel.wasm', import.meta.url));
  return {
    commit: await tensorCommitter(await response.arrayBuffer()),
    async verify(statement) {
      // A proof takes tens of milliseconds, and the page goes on meanwhile.
      await new Promise((resolve) => setTimeout(resolve));
      return verifyLayer(statement).verdict === 'accept';
    },
  };
}
