/** A queue that many fill and one empties. */
export type Mailbox<T> = {
  put(item: T): void;
  take(): Promise<T>;
};

export function mailbox<T>(): Mailbox<T> {
  const items: T[] = [];
  let taker: ((item: T) => void) | undefined;
  return {
    put(item) {
      if (taker === undefined) {
        items.push(item);
        return;
      }
      const give = taker;
      taker = undefined;
      give(item);
    },
    take() {
      if (items.length > 0) return Promise.resolve(items.shift() as T);
      return new Promise((resolve) => {
        taker = resolve;
      });
    },
  };
}
