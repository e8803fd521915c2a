import type { WorkerChain } from './workerChain.ts';

/** W-21: the answers of `proof` requests whose tokens may yet be challenged. */
export interface ProofPlaces {
  /** A place for an answer of this epoch, or undefined if all are taken. It is free again once disposed, or when no challenge of the answer is due any more. */
  reserve(epoch: bigint): Disposable | undefined;
}

export const proofPlaces =
  ({ maxProofs }: { readonly maxProofs: number }) =>
  ({
    chain,
    owed = new Map(),
  }: {
    readonly chain: Pick<WorkerChain, 'slot' | 'epochOf' | 'offchain'>;
    /** What an earlier process left, by epoch. */
    readonly owed?: ReadonlyMap<bigint, number> | undefined;
  }): ProofPlaces => {
    const taken = new Map(owed);
    const add = (epoch: bigint, by: number): void => {
      const count = (taken.get(epoch) ?? 0) + by;
      if (count > 0) taken.set(epoch, count);
      else taken.delete(epoch);
    };
    /** U-09: an answer stands in the set of its epoch or of the next one, and from the end of that on the deadline runs. */
    const forget = (): void => {
      const over = chain.epochOf(chain.slot() - chain.offchain.proofDeadlineSlots);
      for (const epoch of taken.keys()) if (over !== undefined && epoch + 1n < over) taken.delete(epoch);
    };
    return {
      reserve(epoch) {
        forget();
        if ([...taken.values()].reduce((sum, count) => sum + count, 0) >= maxProofs) return undefined;
        add(epoch, 1);
        let isOver = false;
        return {
          [Symbol.dispose]() {
            if (!isOver && taken.has(epoch)) add(epoch, -1);
            isOver = true;
          },
        };
      },
    };
  };
