import { KarmeshError } from '@karmesh/sdk/errors';
import { type Hash, hash } from '@karmesh/sdk/protocol';

/** Steps between two values that are kept: a lookup hashes half of this on average. */
const STRIDE = 256;

export type HashChain = {
  readonly length: number;
  /** What `commit_chain` puts on chain: the secret hashed `length` times. */
  readonly commitment: Hash;
  /** the preimage of dispatch n, 1 to `length`: hashing it n times gives the commitment. */
  preimage(dispatchNumber: bigint): Hash;
};

/** A-01 with checkpoints: built in `length` hashes (65,536 take some 50 ms), looked up in at most 255. */
export function hashChain(chain: { readonly secret: Uint8Array; readonly length: number }): HashChain {
  const { length } = chain;
  // checkpoints[i] is the secret hashed i x STRIDE times.
  const checkpoints: Hash[] = [];
  let value: Hash = chain.secret;
  for (let step = 0; step < length; step++) {
    if (step % STRIDE === 0) checkpoints.push(value);
    value = hash(value);
  }
  return {
    length,
    commitment: value,
    preimage(dispatchNumber) {
      const steps = length - Number(dispatchNumber);
      const checkpoint = checkpoints[Math.floor(steps / STRIDE)];
      if (dispatchNumber < 1n || steps < 0 || checkpoint === undefined) {
        throw new KarmeshError('BAD_ARGUMENT', 'A hash chain has no preimage for this dispatch number.', {
          dispatchNumber,
          length,
        });
      }
      let found = checkpoint;
      for (let i = 0; i < steps % STRIDE; i++) found = hash(found);
      return found;
    },
  };
}
