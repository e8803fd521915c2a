import type { Logger } from '@karmesh/sdk/runtime';

export type SlotTimerOptions = { readonly slotMs: number };
export type SlotTimerParts = {
  readonly advance: () => Promise<unknown>;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  readonly log: Pick<Logger, 'error'>;
};

/**
 * Ends a slot every `slotMs` milliseconds. A late tick does not move the later ones; after a pause longer than a slot (a suspended
 * machine, a slow disk) slots go on from now instead of catching up.
 */
export const slotTimer =
  ({ slotMs }: SlotTimerOptions) =>
  ({ advance, now, log }: SlotTimerParts): AsyncDisposable => {
    let due = now() + slotMs;
    let failing = false;
    let running: Promise<void> | undefined;
    let stopped = false;
    let timer: NodeJS.Timeout;

    const tick = async (): Promise<void> => {
      try {
        await advance();
        failing = false;
      } catch (err) {
        // A full disk fails every slot until there is room; one line says so.
        if (!failing && !stopped) log.error({ err }, 'The slot could not be ended; the cluster stands still.');
        failing = true;
      }
    };
    const schedule = (): void => {
      timer = setTimeout(
        () => {
          running = tick().then(() => {
            due = Math.max(due + slotMs, now());
            if (!stopped) schedule();
          });
        },
        Math.max(0, due - now()),
      );
    };
    schedule();

    return {
      [Symbol.asyncDispose]: async () => {
        stopped = true;
        clearTimeout(timer);
        await running;
      },
    };
  };
