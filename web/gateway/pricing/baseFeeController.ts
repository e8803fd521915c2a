import type { Clock } from '@karmesh/sdk/clock';
import { LEAST_BASE_FEE, nextBaseFee } from '@karmesh/sdk/protocol';

export type BaseFeeOptions = {
  /** How many requests may wait before the fee rises. */
  readonly target: number;
  /** Thousandths. */
  readonly ceiling: number;
  /** Between two steps, in milliseconds. */
  readonly intervalMs: number;
};

export type BaseFeeController = Disposable & {
  /** Thousandths; never below 1,000. */
  readonly baseFee: number;
};

/** Lets the base fee follow the queue (L-06), a step each interval. It begins at one; `onChange` is told every other fee from then on. */
export const baseFeeController =
  (options: BaseFeeOptions) =>
  (parts: {
    readonly clock: Pick<Clock, 'alarm'>;
    waiting(): number;
    onChange?(baseFee: number): void;
  }): BaseFeeController => {
    const { ceiling, intervalMs, target } = options;
    let baseFee = LEAST_BASE_FEE;
    const step = (): void => {
      const before = baseFee;
      baseFee = nextBaseFee({ baseFee, waiting: parts.waiting(), target, ceiling });
      stop = parts.clock.alarm(intervalMs, step);
      if (baseFee !== before) parts.onChange?.(baseFee);
    };
    let stop = parts.clock.alarm(intervalMs, step);
    return {
      get baseFee() {
        return baseFee;
      },
      [Symbol.dispose]: () => stop(),
    };
  };
