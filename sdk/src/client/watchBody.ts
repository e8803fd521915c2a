export interface WatchedBody {
  /** The same bytes in the same pieces, when its reader asks for them; who leaves it leaves the source. */
  readonly body: ReadableStream<Uint8Array>;
  /** What was read, until its end or until the reader left; it fails with the source's error. */
  readonly copy: ReadableStream<Uint8Array>;
  /** Whether the reader left before the end. */
  isLeft(): boolean;
}

/**
 * Lets somebody watch what a reader reads. Unlike `tee`, it reads nothing that the reader does not ask for, and goes on for nobody who has left: an answer that nobody reads
 * must end on the market too.
 */
export function watchBody(source: ReadableStream<Uint8Array>): WatchedBody {
  const reader = source.getReader();
  let watcher: ReadableStreamDefaultController<Uint8Array> | undefined;
  let isLeft = false;
  const copy = new ReadableStream<Uint8Array>({
    start(controller) {
      watcher = controller;
    },
    cancel() {
      watcher = undefined;
    },
  });
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            controller.close();
            watcher?.close();
            return;
          }
          // A reader may take its piece's memory for itself.
          watcher?.enqueue(value.slice());
          controller.enqueue(value);
        } catch (cause) {
          watcher?.error(cause);
          controller.error(cause);
        }
      },
      async cancel(reason) {
        isLeft = true;
        watcher?.close();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return { body, copy, isLeft: () => isLeft };
}
