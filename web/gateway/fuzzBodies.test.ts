import { expect, test } from 'vitest';
import { z } from 'zod';
import { randomBody, seeded } from './fixtures/randomBody.ts';
import { doneOf, eventsOf, type Play, testApp } from './fixtures/testApp.ts';
import { readAbilities } from './openai/abilities.ts';
import { chatSchema } from './openai/chatSchema.ts';
import { completionSchema } from './openai/completionRequest.ts';
import { embeddingSchema } from './openai/embeddingRequest.ts';
import {
  chatChunkSchema,
  chatCompletionSchema,
  errorSchema,
  textChunkSchema,
  textCompletionSchema,
} from './openai/responseSchemas.ts';

const TEXTS = [
  'Hello',
  '',
  '{"a":1}',
  '```json\n{"a":1}\n```',
  '<tool_call>{"name":"weather","arguments":{}}</tool_call>',
  '<tool_call>{"name"',
];
const answering: Play = async function* ({ index }) {
  for (const letter of TEXTS[index % TEXTS.length] ?? '')
    yield { kind: 'text', text: letter, outputTokens: 1, usage: undefined };
  yield doneOf(index % 90, { finishReason: index % 3 === 0 ? 'length' : 'stop' });
};

const doors = [
  { path: '/v1/chat/completions', schema: chatSchema, whole: chatCompletionSchema, chunk: chatChunkSchema },
  { path: '/v1/completions', schema: completionSchema, whole: textCompletionSchema, chunk: textChunkSchema },
  { path: '/v1/embeddings', schema: embeddingSchema, whole: z.never(), chunk: z.never() },
];

test.each(doors)(
  '2,000 random bodies for $path get answers and refusals in their form, and no 5xx',
  {
    timeout: 120_000,
  },
  async ({ path, schema, whole, chunk }) => {
    const seed = Number(process.env.FUZZ_SEED ?? 1);
    const random = seeded(seed);
    const { post, lines } = testApp({
      play: answering,
      options: { abilities: readAbilities(['tiny=tools', 'tiny=json']) },
    });
    const jsonSchema = z.toJSONSchema(schema, { io: 'input' });
    const seen = new Map<number, number>();
    for (let run = 0; run < 2_000; run++) {
      const made = randomBody(jsonSchema, random, run % 4 === 0 ? 0 : 0.02);
      // Most should reach a model that is there.
      const body = typeof made === 'object' && made !== null && random() < 0.8 ? { ...made, model: 'tiny' } : made;
      const text = JSON.stringify(body);
      const response = await post(path, text);
      const facts = `seed ${seed}, run ${run}: ${text}`;
      seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
      expect(response.status, facts).toBeLessThan(500);
      if (response.status !== 200) errorSchema.parse(await response.json());
      else if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
        const events = eventsOf(await response.text());
        expect(events.pop(), facts).toBe('[DONE]');
        for (const event of events) chunk.parse(JSON.parse(event));
      } else whole.parse(await response.json());
    }
    expect(lines.filter((line) => line.includes('fault of the gateway'))).toEqual([]);
    // A fuzz that is never answered tests the door alone.
    if (path !== '/v1/embeddings') expect(seen.get(200)).toBeGreaterThan(50);
    expect(seen.get(400)).toBeGreaterThan(200);
  },
);
