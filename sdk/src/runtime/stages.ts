import { channel } from 'node:diagnostics_channel';

/** A program has come to a named point of its work. */
export type ReachedStage = {
  readonly program: 'localnet' | 'gateway' | 'worker' | 'validator';
  readonly stage: string;
};

/** The channel of `node:diagnostics_channel` that carries `ReachedStage`. */
export const STAGE_CHANNEL = 'karmesh:stage';

const reached = channel(STAGE_CHANNEL);

/**
 * Says on `STAGE_CHANNEL` which stages a program reaches, for whoever observes it from within: a tracer, or a test that ends the process
 * exactly there. A subscriber runs at once, before the program goes on. Costs nothing while nobody subscribes.
 */
export const stages =
  (program: ReachedStage['program']) =>
  (stage: string): void => {
    if (reached.hasSubscribers) reached.publish({ program, stage } satisfies ReachedStage);
  };
