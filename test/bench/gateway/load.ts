import { Agent, request } from 'node:http';
import { ANSWER, MODEL_NAME } from './upstream.ts';

/** One window of load: it is over when so many answers have come or so much time has passed. */
export type LoadOrder = {
  /** With `/v1`. */
  readonly url: string;
  readonly key: string;
  readonly stream: boolean;
  /** Requests under way at once. */
  readonly atOnce: number;
  readonly requests: number;
  readonly forMs: number;
};

export type LoadResult = {
  readonly answers: number;
  readonly failed: number;
  /** What the first that failed said. */
  readonly firstFault: string | undefined;
  readonly ms: number;
  /** From a request to the last byte of its answer; empty where more than one was under way. */
  readonly latenciesMs: readonly number[];
};

// The client of all: keep-alive connections, one request after the other on each. Every answer's text is compared.
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
const CONTENT = /"content":\s*"([^"\\]*)"/g;

function ask({ url, key, stream }: LoadOrder): Promise<void> {
  const body = JSON.stringify({
    model: MODEL_NAME,
    messages: [{ role: 'user', content: 'Say some words, please.' }],
    max_tokens: 32,
    temperature: 0,
    stream,
  });
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const asked = request(`${url}/chat/completions`, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        const said = [...text.matchAll(CONTENT)].map(([, piece]) => piece).join('');
        if (response.statusCode === 200 && said === ANSWER) resolve();
        else reject(new Error(`${response.statusCode} ${text.slice(0, 200)}`));
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const latenciesMs: number[] = [];
  let [answers, failed, sent] = [0, 0, 0];
  let firstFault: string | undefined;
  const began = performance.now();
  const untilMs = began + order.forMs;
  const client = async (): Promise<void> => {
    while (sent < order.requests && performance.now() < untilMs) {
      sent += 1;
      const from = performance.now();
      try {
        await ask(order);
        answers += 1;
        if (order.atOnce === 1) latenciesMs.push(performance.now() - from);
      } catch (cause) {
        failed += 1;
        firstFault ??= String(cause);
      }
    }
  };
  await Promise.all(Array.from({ length: order.atOnce }, client));
  return { answers, failed, firstFault, ms: performance.now() - began, latenciesMs };
}

process.on('message', (order: LoadOrder) => {
  void run(order).then((result) => process.send?.(result));
});
process.once('disconnect', () => process.exit(0));
process.send?.({ ready: true });
