import { randomBytes } from 'node:crypto';
import { epochOfSlot } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { keepChain } from '../store/chains.ts';
import type { Db } from '../store/openDatabase.ts';
import { hashChain } from './hashChain.ts';
import type { MarketChain } from './marketChain.ts';
import { serially } from './serially.ts';

export type ChainCommitterOptions = {
  /** Dispatches of an epoch at most, 1 to 65,536. */
  readonly length: number;
  /** How many epochs after the current one have their chain committed, 1 or 2: 2 lets the gateway be away for an epoch. */
  readonly epochsAhead: 1 | 2;
};

export type ChainCommitterParts = {
  readonly db: Db;
  readonly chain: Pick<MarketChain, 'latestSlotHash' | 'epochClock' | 'committedChain'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Sends `commit_chain` (P-07) and resolves once it is confirmed. */
  readonly commit: (
    chain: { readonly epoch: bigint; readonly commitment: Uint8Array; readonly length: number },
    options: { readonly signal: AbortSignal },
  ) => Promise<void>;
};

/**
 * Commits hash chains before their epochs begin (A-01, P-07). The secret is on disk before its commitment is sent, so that a crash
 * in between commits the same chain again. `tick` is called as slots pass and does what is due then.
 */
export const chainCommitter = (options: ChainCommitterOptions) => (parts: ChainCommitterParts) => {
  const { db, chain, log } = parts;
  const inOrder = serially();

  // The view of the chain shows a commitment some time after it was confirmed.
  const committed = new Set<bigint>();

  const due = (): readonly bigint[] => {
    const slot = chain.latestSlotHash()?.slot;
    const current = slot === undefined ? undefined : epochOfSlot(chain.epochClock(), slot);
    // Before `start` epoch 0 can still be committed; afterwards only epochs that have not begun.
    const first = current === undefined ? 0n : current + 1n;
    return Array.from({ length: options.epochsAhead }, (_, i) => first + BigInt(i)).filter(
      (epoch) => !committed.has(epoch) && chain.committedChain(epoch) === undefined,
    );
  };

  const commitOne = async (epoch: bigint, signal: AbortSignal): Promise<void> => {
    const secret = await keepChain(db, { epoch, secret: new Uint8Array(randomBytes(32)), length: options.length });
    const { commitment, length } = hashChain(secret);
    await parts.commit({ epoch, commitment, length }, { signal });
    committed.add(epoch);
    log.info({ epoch: epoch.toString(), length }, 'Committed a hash chain.');
  };

  return {
    /** Commits what is due. A failure is logged and due again at the next tick. */
    tick: (signal: AbortSignal): Promise<void> =>
      inOrder(async () => {
        for (const epoch of due()) {
          if (signal.aborted) return;
          try {
            await commitOne(epoch, signal);
          } catch (err) {
            if (!signal.aborted)
              log.warn(
                { err, epoch: epoch.toString() },
                'A hash chain could not be committed; it will be tried again.',
              );
            return;
          }
        }
      }),
  };
};
