import { KarmeshError } from '@karmesh/sdk/errors';

/** Hands out a fixed number of things, first come, first served. */
export interface Pool<T> {
  /** Waits for a free one. Throws `ABORTED` if the signal comes first. */
  take(signal?: AbortSignal): Promise<{ readonly item: T } & Disposable>;
}

export function pool<T>(items: readonly T[]): Pool<T> {
  const free = [...items];
  const waiting: ((item: T) => void)[] = [];

  const giveBack = (item: T): void => {
    const next = waiting.shift();
    if (next === undefined) free.push(item);
    else next(item);
  };

  const wait = (signal: AbortSignal | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const onAbort = (): void => {
        waiting.splice(waiting.indexOf(onItem), 1);
        reject(
          new KarmeshError('ABORTED', 'The request was stopped while it waited for its turn.', {}, signal?.reason),
        );
      };
      const onItem = (item: T): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve(item);
      };
      waiting.push(onItem);
      signal?.addEventListener('abort', onAbort, { once: true });
    });

  return {
    async take(signal) {
      if (signal?.aborted)
        throw new KarmeshError('ABORTED', 'The request was stopped before it began.', {}, signal.reason);
      const item = free.pop() ?? (await wait(signal));
      return { item, [Symbol.dispose]: () => giveBack(item) };
    },
  };
}
