import type { Clock } from '@karmesh/sdk/clock';
import type { Logger } from '@karmesh/sdk/runtime';
import type { X402Door } from './x402Door.ts';

/** Looks every `everyMs` milliseconds what became of payments that nobody heard of. A look that fails is made again at the next turn. */
export const recoverOften =
  (everyMs: number) =>
  (parts: {
    readonly clock: Pick<Clock, 'alarm'>;
    readonly door: Pick<X402Door, 'recover'>;
    readonly log: Pick<Logger, 'warn'>;
  }): AsyncDisposable => {
    let current: Promise<void> = Promise.resolve();
    let isStopped = false;
    const look = async (): Promise<void> => {
      await parts.door.recover().catch((err: unknown) => {
        if (!isStopped) parts.log.warn({ err }, 'Payments that nobody heard of cannot be looked up at present.');
      });
      if (!isStopped) wait();
    };
    let silence = (): void => {};
    const wait = (): void => {
      silence = parts.clock.alarm(everyMs, () => {
        current = look();
      });
    };
    wait();
    return {
      async [Symbol.asyncDispose]() {
        isStopped = true;
        silence();
        await current;
      },
    };
  };
