import type { ProofTools } from './recheckChallenge.ts';

/** What rechecks proofs on Node; loaded when the first proof is checked. A page brings its own (`@karmesh/circuits/commitment`, `/verify`). */
export async function openProofTools(): Promise<ProofTools> {
  const [{ openTensorCommitter }, { verifyLayer }] = await Promise.all([
    import('@karmesh/circuits/commitment/open'),
    import('@karmesh/circuits/verify'),
  ]);
  return {
    commit: await openTensorCommitter(),
    async verify(statement) {
      // A proof takes tens of milliseconds: connections that end meanwhile are noticed in between.
      await new Promise((resolve) => setImmediate(resolve));
      return verifyLayer(statement).verdict === 'accept';
    },
  };
}
