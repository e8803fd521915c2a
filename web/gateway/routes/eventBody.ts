/** What a response of server-sent events says of itself. */
export const EVENT_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  connection: 'keep-alive',
  // Else the server reads ahead before it sends its head.
  'transfer-encoding': 'chunked',
  // Proxies that buffer would turn a stream into one late block.
  'x-accel-buffering': 'no',
};

/**
 * Server-sent events of these data. Each is made when the server asks for it, which is when its socket has taken the one before: whoever makes them
 * knows by the next step how far the client is, and nothing lies in between. `client.leave` is told when the client has gone; `client.hasLeft` is asked
 * before each step whether the socket takes anything, since a server says so late.
 */
export function eventBody(
  events: AsyncGenerator<string, void, undefined>,
  client: { hasLeft(): boolean; leave(): void },
): ReadableStream<Uint8Array> {
  const end = async (): Promise<void> => {
    // An event that is still being made hears of it by this alone.
    client.leave();
    await events.return();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (client.hasLeft()) {
          await end();
          controller.close();
          return;
        }
        const next = await events.next();
        if (next.done === true) controller.close();
        else controller.enqueue(Buffer.from(`data: ${next.value}\n\n`));
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}
