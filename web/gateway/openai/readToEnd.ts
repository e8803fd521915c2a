/** Bytes of an end that can be recognised. */
const TAIL_BYTES = 64;

/**
 * The same response, which is read to its end even if its reader leaves: a part at a time while somebody reads, and all that is left once nobody does.
 * `onEnd` is called once, before the body ends, with the whole text, undefined if it is longer than `maxBytes`, and its last bytes; a body that
 * failed has none of either. `signal` is aborted when the reader has hung up, which a server may not tell the body.
 */
export function readToEnd(
  response: Response,
  on: {
    readonly signal: AbortSignal;
    readonly maxBytes: number;
    onEnd(end: { readonly text: string | undefined; readonly tail: string }): Promise<void>;
  },
): Response {
  const { maxBytes, signal } = on;
  const reader = (response.body ?? new Blob().stream()).getReader();
  const held = boundedText(maxBytes);
  let isLeft = false;

  /** The next part; undefined after the last one. */
  const next = async (): Promise<Uint8Array | undefined> => {
    try {
      const { done, value } = await reader.read();
      if (!done) {
        held.push(value);
        return value;
      }
    } catch (cause) {
      await on.onEnd({ text: undefined, tail: '' });
      throw cause;
    }
    await on.onEnd({ text: held.text(), tail: held.tail() });
    signal.removeEventListener('abort', leave);
    return undefined;
  };

  let reading: Promise<Uint8Array | undefined> = Promise.resolve(new Uint8Array());
  const readOn = async (): Promise<void> => {
    // What is being read for the one who left comes first.
    let part = await reading;
    while (part !== undefined) part = await next();
  };
  const leave = (): void => {
    if (isLeft) return;
    isLeft = true;
    signal.removeEventListener('abort', leave);
    readOn().catch(() => {
      // `onEnd` was told, and nobody else is there.
    });
  };
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (isLeft) {
          controller.close();
          return;
        }
        reading = next();
        const part = await reading;
        if (isLeft) return;
        if (part === undefined) controller.close();
        else controller.enqueue(part);
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
  return new Response(body, response);
}

/** Collects text up to so many bytes; beyond that there is none. */
function boundedText(maxBytes: number) {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  let tail = Buffer.alloc(0);
  return {
    push(part: Uint8Array): void {
      bytes += part.length;
      tail = Buffer.concat([tail, part]).subarray(-TAIL_BYTES);
      if (bytes > maxBytes) parts = [];
      else parts.push(part);
    },
    tail: (): string => tail.toString('latin1'),
    text: (): string | undefined => (bytes > maxBytes ? undefined : Buffer.concat(parts).toString('utf8')),
  };
}
