import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { ANSWER, MODEL_NAME, PIECES, USAGE } from './upstream.ts';

// The one upstream of all: an OpenAI-compatible server whose answer is fixed and costs next to nothing. A stream's pieces are written one by one.
const head = { id: 'chatcmpl-mock', created: 1_700_000_000, model: MODEL_NAME };
const WHOLE = Buffer.from(
  JSON.stringify({
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: ANSWER }, finish_reason: 'stop' }],
    usage: USAGE,
  }),
);
const eventOf = (delta: object, finish: string | null) => {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return Buffer.from(`data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices })}\n\n`);
};
const EVENTS = [
  eventOf({ role: 'assistant' }, null),
  ...PIECES.map((content) => eventOf({ content }, null)),
  eventOf({}, 'stop'),
  Buffer.from('data: [DONE]\n\n'),
];

async function stream(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of EVENTS) {
    response.write(event);
    await turn();
  }
  response.end();
}

const server = createServer((request, response) => {
  // LiteLLM looks around at its start.
  if (request.method !== 'POST' || request.url !== '/v1/chat/completions') {
    response.writeHead(404).end();
    return;
  }
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (part: string) => {
    body += part;
  });
  request.on('end', () => {
    if ((JSON.parse(body) as { readonly stream?: boolean }).stream === true) void stream(response);
    else response.writeHead(200, { 'content-type': 'application/json', 'content-length': WHOLE.length }).end(WHOLE);
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` });
});
process.once('disconnect', () => process.exit(0));
