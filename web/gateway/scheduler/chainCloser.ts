import type { Logger } from '@karmesh/sdk/runtime';
import { forgetChain, oldestChain } from '../store/chains.ts';
import type { Db } from '../store/openDatabase.ts';
import { serially } from './serially.ts';

/** P-53: a chain's account can be ended when so many final epochs lie behind its own. */
const KEPT_EPOCHS = 64n;

export type ChainCloserParts = {
  readonly db: Db;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** The newest final epoch; undefined before the first. */
  readonly lastFinalised: () => bigint | undefined;
  /** Ends the chain's account (P-53) and resolves once that is confirmed, also if there is none any more. */
  readonly close: (epoch: bigint, options: { readonly signal: AbortSignal }) => Promise<void>;
};

/**
 * Gives the rent of chains back to the gateway's owner when nobody checks anything against them any more, and forgets their
 * secrets. `tick` is called as slots pass; it asks the chain for nothing until another epoch has become final.
 */
export const chainCloser = ({ db, log, lastFinalised, close }: ChainCloserParts) => {
  const inOrder = serially();
  let closedThrough: bigint | undefined;
  return {
    /** Ends what is due. A failure is logged and due again when the next epoch is final. */
    tick: (signal: AbortSignal): Promise<void> =>
      inOrder(async () => {
        const last = lastFinalised();
        if (last === undefined || last === closedThrough || last < KEPT_EPOCHS) return;
        closedThrough = last;
        try {
          for (;;) {
            const chain = await oldestChain(db);
            if (chain === undefined || chain.epoch + KEPT_EPOCHS > last || signal.aborted) return;
            const { epoch } = chain;
            await close(epoch, { signal });
            await forgetChain(db, epoch);
            log.info({ epoch: epoch.toString() }, 'Ended a hash chain; its rent is the owner’s again.');
          }
        } catch (err) {
          if (!signal.aborted) log.warn({ err }, 'A hash chain could not be ended.');
        }
      }),
  };
};
