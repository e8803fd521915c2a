import type { Logger } from '@karmesh/sdk/runtime';
import type { FindingStore } from './findingStore.ts';

/** What bringing evidence may cost in one epoch. It survives a restart, since what was spent is on disk before the transaction leaves. */
export interface EvidenceBudget {
  /** Takes the lamports, or says no until the next epoch begins. */
  take(lamports: bigint): boolean;
  /** A bond that came back, which counts as spent until then, unless the epoch that it was taken in is over. */
  giveBack(lamports: bigint): void;
}

export function evidenceBudget(parts: {
  readonly limitLamports: bigint;
  readonly store: Pick<FindingStore, 'spend' | 'spent' | 'giveBack'>;
  readonly epoch: () => bigint;
  readonly log: Pick<Logger, 'warn'>;
  readonly observe: (lamports: bigint) => void;
}): EvidenceBudget {
  const { limitLamports, store, log } = parts;
  let toldIn: bigint | undefined;
  return {
    take(lamports) {
      const epoch = parts.epoch();
      const spent = store.spent(epoch);
      if (spent + lamports > limitLamports) {
        if (toldIn !== epoch)
          log.warn(
            {
              epoch: epoch.toString(),
              spentLamports: spent.toString(),
              limitLamports: limitLamports.toString(),
              retry: 'in the next epoch, or with a higher --evidence-lamports',
            },
            'Bringing evidence has cost as much as it may in this epoch; what is left waits.',
          );
        toldIn = epoch;
        return false;
      }
      store.spend(epoch, lamports);
      parts.observe(spent + lamports);
      return true;
    },
    giveBack(lamports) {
      const epoch = parts.epoch();
      store.giveBack(epoch, lamports);
      parts.observe(store.spent(epoch));
    },
  };
}
