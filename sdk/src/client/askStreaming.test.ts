import { expect, test } from 'vitest';
import { encode, signedCodec, type Usage, usageRecord } from '../protocol/index.ts';
import { type AskEvent, askStreaming } from './askStreaming.ts';

const evidence = {
  requestId: 'ab'.repeat(32),
  assurance: 'stream',
  epoch: '7',
  dispatchNumber: '3',
  priceLamports: '41',
  lane: 'bronze',
  quorum: { verdict: 'agreed', agreeing: 2, asked: 3 },
  receipts: [{ worker: 'w1', outcome: 'agreed', receiptHash: null, shown: true }],
  bundle: 'http://gateway/v1/receipts/x',
};
const chunk = (delta: object, more: object = {}) => ({ choices: [{ delta }], ...more });
const lines = (...chunks: readonly unknown[]): string =>
  [...chunks.map((each) => JSON.stringify(each)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('');

/** Asks a gateway whose answer is `body`, cut into pieces of `size` bytes. */
async function ask(body: string, size = 7) {
  const asked: { url: string; headers: Headers; body: unknown }[] = [];
  const fetch: typeof globalThis.fetch = async (url, init) => {
    asked.push({ url: String(url), headers: new Headers(init?.headers), body: JSON.parse(String(init?.body)) });
    const bytes = new TextEncoder().encode(body);
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    return new Response(stream);
  };
  const events: AskEvent[] = [];
  const gateway = { url: 'http://gateway', apiKey: 'sk', fetch };
  const { signal } = new AbortController();
  for await (const event of askStreaming(gateway, { model: 'tiny', prompt: 'Hi', assurance: 'stream', signal })) {
    events.push(event);
  }
  return { asked, events };
}

test('tells what workers do and say, however the bytes are cut', async () => {
  const body = lines(
    chunk({ role: 'assistant', content: '' }),
    chunk({}, { karmeshProgress: [{ worker: 'w1', step: 'asked' }] }),
    chunk({ content: 'Grüße' }),
    chunk({ content: ' an\n\nalle' }),
    chunk({}, { karmesh: evidence }),
  );
  const expected = [
    { kind: 'workers', workers: [{ worker: 'w1', step: 'asked' }] },
    { kind: 'text', text: 'Grüße' },
    { kind: 'text', text: ' an\n\nalle' },
    { kind: 'done', evidence },
  ];
  for (const size of [1, 7, 10_000]) expect((await ask(body, size)).events).toEqual(expected);
  const { asked } = await ask(body);
  expect(asked[0]?.headers.get('x-karmesh-progress')).toBe('1');
  expect(asked[0]?.body).toEqual({
    model: 'tiny',
    messages: [{ role: 'user', content: 'Hi' }],
    stream: true,
    karmesh: { assurance: 'stream' },
  });
});

test('gives what a worker has signed for the text so far, and refuses what is no record', async () => {
  const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
  const value: Usage = {
    dispatchHash: bytes(1),
    worker: bytes(2),
    sequence: 0,
    promptTokens: 20,
    outputTokens: 3,
    outputChain: bytes(3),
  };
  const usage = { value, signature: new Uint8Array(64).fill(4) };
  const record = Buffer.from(encode(signedCodec(usageRecord), usage)).toString('hex');
  const shown = (of: string) =>
    lines(chunk({ content: 'Hi' }, { karmeshUsage: { record: of } }), chunk({}, { karmesh: evidence }));
  const { asked, events } = await ask(shown(record));
  expect(asked[0]?.headers.get('x-karmesh-usage')).toBe('1');
  expect(events[0]).toEqual({ kind: 'text', text: 'Hi', usage });
  await expect(ask(shown(record.slice(2)))).rejects.toMatchObject({ code: 'CODEC' });
  await expect(ask(shown('zz'))).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
});

test.each([
  ['an error in mid-stream', lines({ error: { message: 'No two agreed.' } }), 'GATEWAY_REFUSED', 'No two agreed.'],
  [
    'a chunk that is no JSON',
    'data: {\n\n',
    'PROTOCOL_VIOLATION',
    'A chunk of the gateway’s stream is in another form.',
  ],
  [
    'a stream without evidence',
    lines(chunk({ content: 'x' })),
    'PROTOCOL_VIOLATION',
    'The gateway’s stream ended without the answer’s evidence.',
  ],
  ['an event without end', 'x'.repeat(2 << 20), 'PROTOCOL_VIOLATION', 'An event of the gateway’s stream does not end.'],
])('refuses %s', async (_, body, code, message) => {
  await expect(ask(body, 1 << 16)).rejects.toMatchObject({ code, message });
});
