import { expect, test } from 'vitest';
import { z } from 'zod';
import { followFeed } from './followFeed.ts';

const schema = z.object({ peers: z.int() });

/** Follows a gateway that gives these answers one after the other; what was told, and how long was waited between. */
async function follow(answers: readonly (() => Response)[]) {
  const ended = new AbortController();
  const told: unknown[] = [];
  const paused: number[] = [];
  let asked = 0;
  await followFeed(
    { path: '/v1/market/mesh', schema },
    {
      signal: ended.signal,
      onValue: (value) => told.push(value),
      onFailure: (sentence) => told.push(sentence),
      async fetch() {
        const answer = answers[asked];
        asked += 1;
        if (answer === undefined) throw new TypeError('Failed to fetch');
        return answer();
      },
      async pause(ms) {
        paused.push(ms);
        if (asked >= answers.length) ended.abort();
      },
    },
  );
  return { told, paused };
}

const stream = (...texts: readonly string[]) => new Response(texts.map((text) => `data: ${text}\n\n`).join(''));

test('tells every picture, and connects again when the stream ends', async () => {
  const { paused, told } = await follow([() => stream('{"peers":1}', '{"peers":2}'), () => stream('{"peers":3}')]);
  const ended = 'The gateway ended the stream; connecting again.';
  expect(told).toEqual([{ peers: 1 }, { peers: 2 }, ended, { peers: 3 }, ended]);
  expect(paused).toEqual([1_000, 1_000]);
});

test('says why there is no picture, and asks less and less often', async () => {
  const { paused, told } = await follow([
    () => new Response('', { status: 503 }),
    () => new Response('', { status: 500 }),
    () => stream('{"peers":"many"}'),
    () => {
      throw new TypeError('Failed to fetch');
    },
    () => stream('{"peers":1}'),
  ]);
  expect(told).toEqual([
    'As many watch this gateway as may at once; trying again.',
    'The gateway answered /v1/market/mesh with status 500.',
    'The answer is in another form than this page knows.',
    'Failed to fetch',
    { peers: 1 },
    'The gateway ended the stream; connecting again.',
  ]);
  expect(paused).toEqual([1_000, 2_000, 5_000, 10_000, 1_000]);
});
