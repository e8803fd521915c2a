import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { toRpcJson } from './json.ts';
import { answerJsonRpc, type JsonRpcParts } from './jsonRpc.ts';

/** The largest request that Agave takes unless told otherwise. */
export const maxBodyBytes = 50 * 1_024;

/** The HTTP half of the RPC, not yet listening. Any page in a browser may call it, as with `solana-test-validator`. */
export function createHttpServer(parts: JsonRpcParts): Server {
  return createServer((request, response) => {
    answer(request, response, parts).catch((cause: unknown) => {
      parts.log.error({ err: cause }, 'A request failed.');
      response.destroy();
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, parts: JsonRpcParts): Promise<void> {
  const { origin } = request.headers;
  if (origin !== undefined) {
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-allow-methods', 'OPTIONS, POST');
    response.setHeader('access-control-allow-headers', 'content-type, solana-client');
    response.setHeader('access-control-max-age', '86400');
    response.setHeader('vary', 'origin');
  }
  if (request.method === 'OPTIONS') return sendText(response, 200, '');
  if (request.method === 'GET' && request.url === '/health') return sendText(response, 200, 'ok');
  if (request.method !== 'POST') {
    return sendText(response, 405, 'Used HTTP Method is not allowed. POST or OPTIONS is required\n');
  }
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    return sendText(
      response,
      415,
      'Supplied content type is not allowed. Content-Type: application/json is required\n',
    );
  }
  const body = await readBody(request);
  if (body === undefined) {
    // The rest of the body would be read as the next request.
    response.setHeader('connection', 'close');
    return sendText(response, 413, 'request body size exceeds allowed maximum');
  }
  const reply = await answerJsonRpc(body, parts);
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  response.end(reply === undefined ? '' : `${toRpcJson(reply)}\n`);
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return undefined;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBodyBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
