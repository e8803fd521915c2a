/**
 * The same response, whose body tells when it has gone out: `onPart` of each part, `onEnd` once, with whether all of it was read; the
 * body ends after `onEnd` has. It reads no part before it is asked for one, so that whoever writes it still knows what was taken.
 * `signal` is the request's: whoever has hung up reads no more, and what makes the body is told.
 */
export function onBodyEnd(
  response: Response,
  on: {
    readonly signal: AbortSignal;
    onPart?(bytes: Uint8Array): void;
    onEnd(isWhole: boolean): void | Promise<void>;
  },
): Response {
  const { signal } = on;
  const reader = response.body?.getReader();
  let isOver = false;
  const end = async (isWhole: boolean): Promise<void> => {
    if (isOver) return;
    isOver = true;
    signal.removeEventListener('abort', leave);
    await on.onEnd(isWhole);
  };
  const leave = (): void => {
    void end(false);
    // One that has failed says so to who made it.
    reader?.cancel(signal.reason).catch(() => {});
  };
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let next: ReadableStreamReadResult<Uint8Array> | undefined;
        try {
          next = await reader?.read();
        } catch (cause) {
          await end(false);
          throw cause;
        }
        if (next === undefined || next.done) {
          await end(true);
          controller.close();
          return;
        }
        on.onPart?.(next.value);
        controller.enqueue(next.value);
      },
      async cancel(reason) {
        await reader?.cancel(reason);
        await end(false);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, response);
}
