import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { proxy } from 'hono/proxy';
import { answerMemory } from './memoryAsked.ts';

// The first rival: Hono and its own proxy helper, with nothing in between.
const [upstream = ''] = process.argv.slice(2);
const app = new Hono().post('/v1/chat/completions', (context) =>
  proxy(`${upstream}/chat/completions`, { raw: context.req.raw }),
);
answerMemory();
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  process.send?.({ url: `http://127.0.0.1:${port}/v1` });
});
