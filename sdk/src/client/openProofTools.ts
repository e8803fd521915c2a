import type { ProofTools } from './recheckChallenge.ts';

/** What rechecks proofs on Node; loaded when the first proof is checked. A page brings its own (`@karmesh/circuits/commitment`, `/verify`). */
export async function openProofTools(): Promise<ProofTools> {
  const [{ openTensorCommitter }, { verifyLayer }] = await Promise.all([
    import('@karmesh/circuits/commitment/open'),
    import('@karmesh/circuits/verify'),
  ]);
  return {
    commit: await openTensorCommitter(),
    verify: (statement) => verifyLayer(statement).verdict === 'accept',
  };
}
