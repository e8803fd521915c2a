import { checkRecord, equalBytes, type Hash, QUORUM, type Seal, type Signed, sealRecord } from '@karmesh/sdk/protocol';
import type { CheckedDispatch } from './checkDispatch.ts';
import type { WorkerChain } from './workerChain.ts';

/**
 * W-15: a worker reveals only after it has seen the seals of at least two drawn workers, its own unchanged among them, each signed
 * for this dispatch and in the order of the draw. Whoever revealed earlier would let another copy the answer.
 */
export function checkSeals(
  chain: Pick<WorkerChain, 'domain' | 'verify' | 'participant'>,
  options: {
    readonly dispatch: Pick<CheckedDispatch, 'dispatchHash' | 'drawn'>;
    readonly own: Hash;
    readonly seals: readonly Signed<Seal>[];
  },
): boolean {
  const { dispatch, own, seals } = options;
  const { domain, verify } = chain;
  if (seals.length < QUORUM) return false;
  let lastPlace = -1;
  for (const seal of seals) {
    const place = dispatch.drawn.findIndex(({ participant }) => equalBytes(participant, seal.value.worker));
    const identity = dispatch.drawn[place]?.identity;
    if (identity === undefined || place <= lastPlace) return false;
    if (!equalBytes(seal.value.dispatchHash, dispatch.dispatchHash)) return false;
    if (!checkRecord(sealRecord, { domain, identity, ...(verify === undefined ? {} : { verify }) }, seal)) return false;
    lastPlace = place;
  }
  return seals.some(
    ({ value }) => equalBytes(value.worker, chain.participant) && equalBytes(sealRecord.hash(domain, value), own),
  );
}
