import { channel } from 'node:diagnostics_channel';

/** What a program was about when it reached a stage, as far as it applies. Ids and causes only: never a prompt or an answer. */
export type StageAbout = {
  readonly requestId?: Uint8Array;
  /** The account of the worker that was asked. */
  readonly worker?: Uint8Array;
  /** Why something ended badly, a word of the protocol or of our errors. */
  readonly cause?: string;
  /** The batch that went out, and on the way to the disk the requests in it. */
  readonly batch?: { readonly sequence: bigint; readonly requestIds?: readonly Uint8Array[] };
  /** Which epoch of which cluster (F-01). */
  readonly epoch?: bigint;
  readonly domain?: Uint8Array;
};

/** A program has come to a named point of its work. */
export type ReachedStage = {
  readonly program: 'localnet' | 'gateway' | 'worker' | 'validator';
  readonly stage: string;
  readonly about?: StageAbout | undefined;
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
  (stage: string, about?: StageAbout): void => {
    if (reached.hasSubscribers) reached.publish({ program, stage, about } satisfies ReachedStage);
  };
