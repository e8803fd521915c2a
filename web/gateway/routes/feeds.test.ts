import { expect, test } from 'vitest';
import { feed } from '../live/feed.ts';
import { ApiError } from '../openai/apiError.ts';
import { manualClock } from '../scheduler/fixtures/manualClock.ts';
import { feedRoutes } from './feeds.ts';

function routesOf(maxWatchers: number) {
  const clock = manualClock();
  const options = { maxWatchers, gapMs: 100, everyMs: 2_000 };
  const state = { peers: 1 };
  const mesh = feed(options)({ clock, read: () => state });
  const queue = feed(options)({ clock, read: () => ({ waiting: 0 }) });
  const routes = feedRoutes({ mesh, queue });
  // As the app tells an error.
  routes.onError((cause, context) =>
    cause instanceof ApiError
      ? context.json(cause.body, cause.status as 503, { ...cause.headers })
      : context.text('', 500),
  );
  return { clock, mesh, queue, routes, state };
}

test('streams the whole picture, and again when it changes', async () => {
  const { clock, mesh, routes, state } = routesOf(1);
  const response = await routes.request('/v1/market/mesh');
  expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([
    200,
    'text/event-stream',
    'no-cache',
  ]);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect(await reader?.read()).toEqual({ done: false, value: 'data: {"peers":1}\n\n' });
  state.peers = 2;
  mesh.changed();
  await clock.pass(100);
  expect(await reader?.read()).toEqual({ done: false, value: 'data: {"peers":2}\n\n' });
  mesh[Symbol.dispose]();
  expect(await reader?.read()).toMatchObject({ done: true });
});

test('turns away one watcher too many, until another hangs up', async () => {
  const { routes } = routesOf(1);
  const first = await routes.request('/v1/market/queue');
  const refused = await routes.request('/v1/market/queue');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '10']);
  expect(await refused.json()).toMatchObject({ error: { code: 'too_many_watchers' } });
  await first.body?.cancel();
  const again = await routes.request('/v1/market/queue');
  expect(again.status).toBe(200);
  await again.body?.cancel();
});
