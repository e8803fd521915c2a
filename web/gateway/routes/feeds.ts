import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Feed } from '../live/feed.ts';
import { ApiError } from '../openai/apiError.ts';

export type FeedParts = {
  /** `MeshFacts` and `QueueFacts` as JSON. */
  readonly mesh: Feed;
  readonly queue: Feed;
};

/**
 * `GET /v1/market/mesh`, `/v1/market/queue`: server-sent events, each with the whole picture, whenever it changes and from time to time.
 * What they hold names nobody who asked and nothing that was asked, so that no key is needed.
 */
export const feedRoutes = (parts: FeedParts) => {
  const routes = new Hono();
  for (const [name, feed] of Object.entries(parts)) {
    routes.get(`/v1/market/${name}`, (context) => {
      const watching = feed.watch();
      if (watching === undefined) throw tooManyWatchers();
      // Proxies that buffer would turn a live picture into an old one.
      context.header('x-accel-buffering', 'no');
      return streamSSE(context, async (stream) => {
        using watcher = watching;
        stream.onAbort(() => watcher[Symbol.dispose]());
        for (;;) {
          const data = await watcher.next();
          if (data === undefined) return;
          await stream.writeSSE({ data });
        }
      });
    });
  }
  return routes;
};

function tooManyWatchers(): ApiError {
  return new ApiError({
    status: 503,
    type: 'server_error',
    code: 'too_many_watchers',
    message: 'As many watch this gateway as may at once. Try again in a moment.',
    headers: { 'retry-after': '10' },
  });
}
