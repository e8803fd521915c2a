import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { doneOf, type Play, testApp } from './fixtures/testApp.ts';
import { type ConnectionLimits, type Listening, listen } from './listen.ts';

// Clients that ask and then take nothing, or too little, of what they are sent, over real sockets.

const servers: Listening[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

const text = 'x'.repeat(1_000_000);
/** How many texts were taken of each answer, and of which the market was told that nobody waits any more. */
const taken: number[] = [];
const left: number[] = [];

/** More than any buffer holds. */
const endless: Play = async function* ({ index, signal }) {
  signal.addEventListener('abort', () => left.push(index));
  for (taken[index] = 0; taken[index] < 200; taken[index] += 1) {
    signal.throwIfAborted();
    yield { kind: 'text', text, outputTokens: 1, usage: undefined };
  }
  yield doneOf(index);
};

async function serve(limits: Partial<ConnectionLimits>, setting: Parameters<typeof testApp>[0] = {}) {
  taken.length = 0;
  left.length = 0;
  const { app } = testApp({ play: endless, ...setting });
  const server = await listen({ app, host: '127.0.0.1', port: 0, limits });
  servers.push(server);
  return { url: server.url, port: Number(new URL(server.url).port) };
}

/** Asks for an answer on a socket that reads nothing of it. */
async function stalled(port: number, stream: boolean): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').pause();
  socket.on('error', () => {});
  await once(socket, 'connect');
  const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], stream });
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-good\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

const status = async (url: string): Promise<number> =>
  (
    await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-good', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'none', messages: [{ role: 'user', content: 'Hi' }] }),
    })
  ).status;

test.each([true, false])(
  'who reads nothing of an answer is parted with, and its place comes back (stream: %s)',
  {
    timeout: 60_000,
  },
  async (stream) => {
    const { port, url } = await serve({ stallMs: 300 }, { options: { maxOpen: 1 } });
    const socket = await stalled(port, stream);
    await expect.poll(() => taken[0]).toBeGreaterThan(0);
    // A model that is not sold is refused once there is a place to be refused in.
    await expect.poll(() => status(url), { timeout: 30_000 }).toBe(404);
    if (stream) expect(left).toEqual([0]);
    // What the client finds once it looks.
    const closed = once(socket, 'close');
    socket.resume();
    await closed;
  },
);

test('who takes a little now and then is parted with some seconds after its answer was given up', {
  timeout: 60_000,
}, async () => {
  const { port, url } = await serve({ stallMs: 60_000 }, { options: { maxOpen: 1, deadlineMs: 500 } });
  const socket = await stalled(port, true);
  await expect.poll(() => left, { timeout: 30_000 }).toEqual([0]);
  await expect.poll(() => status(url), { timeout: 30_000 }).toBe(404);
  const takenThen = taken[0];
  socket.destroy();
  expect(taken[0]).toBe(takenThen);
});

test('who takes a whole answer byte by byte is parted with once its time is over, and its place comes back', {
  timeout: 60_000,
}, async () => {
  const { port, url } = await serve({ stallMs: 60_000 }, { options: { maxOpen: 1, takeMs: 5_000 } });
  const socket = await stalled(port, false);
  await expect.poll(() => taken[0], { timeout: 30_000 }).toBe(200);
  expect(await status(url)).toBe(503);
  const drip = setInterval(() => socket.read(1), 20);
  await expect.poll(() => status(url), { timeout: 30_000 }).toBe(404);
  clearInterval(drip);
  // The connection was ended under what the client had not taken.
  const closed = once(socket, 'close');
  socket.resume();
  await closed;
});

test('an answer that is taken in time, and a stream that is longer than that, are left alone', {
  timeout: 60_000,
}, async () => {
  const { url } = await serve(
    {},
    {
      options: { takeMs: 300 },
      play: async function* ({ index }) {
        yield { kind: 'text', text: 'a', outputTokens: 1, usage: undefined };
        await new Promise((resolve) => setTimeout(resolve, 900));
        yield { kind: 'text', text: 'b', outputTokens: 2, usage: undefined };
        yield doneOf(index);
      },
    },
  );
  for (const stream of [false, true]) {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-good', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], stream }),
    });
    expect(await response.text()).toContain(stream ? '[DONE]' : '"ab"');
  }
});

test('who takes an answer slowly has all of it', { timeout: 60_000 }, async () => {
  const { port } = await serve(
    {},
    {
      play: async function* ({ index }) {
        for (let i = 0; i < 30; i++) yield { kind: 'text', text, outputTokens: i + 1, usage: undefined };
        yield doneOf(index);
      },
    },
  );
  const socket = await stalled(port, true);
  let read = 0;
  let end = '';
  for await (const part of socket as AsyncIterable<Buffer>) {
    read += part.length;
    end = part.toString().slice(-20);
    if (end.includes('[DONE]')) break;
    if (read % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(read).toBeGreaterThan(30_000_000);
  expect(end).toContain('[DONE]');
});

test('a socket that does not repeat what its ping says is closed, however many pongs it sends', {
  timeout: 60_000,
}, async () => {
  const { url } = await serve({ beatMs: 500 });
  const address = `${url.replace('http', 'ws')}/v1/socket`;
  const honest = new WebSocket(address);
  const liar = new WebSocket(address, { autoPong: false });
  await Promise.all([once(honest, 'open'), once(liar, 'open')]);
  const pongs = setInterval(() => liar.pong('alive'), 20);
  let pings = 0;
  honest.on('ping', () => {
    pings += 1;
  });
  const [code] = await once(liar, 'close');
  clearInterval(pongs);
  expect(code).toBe(1006);
  const before = pings;
  await expect.poll(() => pings, { timeout: 20_000 }).toBeGreaterThan(before + 2);
  expect(honest.readyState).toBe(WebSocket.OPEN);
  honest.terminate();
});
