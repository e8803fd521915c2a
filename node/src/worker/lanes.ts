import { KarmeshError } from '@karmesh/sdk/errors';

/** W-13: so many runs at once and so many waiting; what comes above is turned away at once. */
export interface Lanes {
  readonly active: number;
  readonly waiting: number;
  readonly maxActive: number;
  /** A place, or undefined if all are taken. It counts from now on; `start` resolves when its run may begin. */
  reserve(): Place | undefined;
}

export interface Place extends Disposable {
  /** Throws `ABORTED` if the signal comes first. */
  start(signal: AbortSignal): Promise<void>;
}

export function lanes(options: { readonly maxConcurrent: number; readonly maxQueue: number }): Lanes {
  let active = 0;
  const queue: (() => void)[] = [];
  let waiting = 0;

  const next = (): void => {
    while (active < options.maxConcurrent) {
      const begin = queue.shift();
      if (begin === undefined) return;
      begin();
    }
  };

  const reserve = (): Place | undefined => {
    if (active + waiting >= options.maxConcurrent + options.maxQueue) return undefined;
    waiting++;
    let state: 'waiting' | 'active' | 'over' = 'waiting';
    const begin = (): void => {
      waiting--;
      active++;
      state = 'active';
    };
    return {
      start(signal) {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const onAbort = (): void => {
          const place = queue.indexOf(onTurn);
          if (place >= 0) queue.splice(place, 1);
          reject(
            new KarmeshError('ABORTED', 'The request was stopped while it waited for its turn.', {}, signal.reason),
          );
        };
        const onTurn = (): void => {
          signal.removeEventListener('abort', onAbort);
          begin();
          resolve();
        };
        if (signal.aborted) onAbort();
        else {
          signal.addEventListener('abort', onAbort, { once: true });
          queue.push(onTurn);
          next();
        }
        return promise;
      },
      [Symbol.dispose]() {
        if (state === 'waiting') waiting--;
        else if (state === 'active') active--;
        state = 'over';
        next();
      },
    };
  };

  return {
    get active() {
      return active;
    },
    get waiting() {
      return waiting;
    },
    maxActive: options.maxConcurrent,
    reserve,
  };
}
