import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import bs58 from 'bs58';

/** What happens to one call: it reaches the node (and its result may be bent), or is refused for its haste, or a transaction is swallowed. */
export type Fate = 'pass' | 'tooMany' | 'swallow' | { readonly bend: (result: unknown) => unknown };

export interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly params?: readonly unknown[];
}

/** A node that misbehaves, in front of a real one. */
export interface FaultyRpc extends AsyncDisposable {
  readonly url: string;
  /** Every call that came, in order. */
  readonly calls: readonly RpcRequest[];
  /** How many came of a method. */
  count(method: string): number;
}

export async function faultyRpc(
  target: string,
  fateOf: (request: RpcRequest, nth: number) => Fate,
): Promise<FaultyRpc> {
  const calls: RpcRequest[] = [];
  const count = (method: string): number => calls.filter((call) => call.method === method).length;
  const server = createServer(async (incoming, answer) => {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part);
    const body = Buffer.concat(parts);
    const request = JSON.parse(body.toString()) as RpcRequest;
    calls.push(request);
    const fate = fateOf(request, count(request.method));
    if (fate === 'tooMany') {
      answer.writeHead(429, { 'content-type': 'text/plain' }).end('slow down');
      return;
    }
    answer.setHeader('content-type', 'application/json');
    if (fate === 'swallow') {
      answer.end(JSON.stringify({ jsonrpc: '2.0', id: request.id, result: signatureOf(request) }));
      return;
    }
    const headers = { 'content-type': 'application/json' };
    const text = await fetch(target, { method: 'POST', body, headers }).then(
      (response) => response.text(),
      () => undefined,
    );
    if (text === undefined) {
      answer.destroy();
      return;
    }
    if (fate === 'pass') {
      answer.end(text);
      return;
    }
    const whole = JSON.parse(text) as { result?: unknown };
    answer.end(JSON.stringify({ ...whole, result: fate.bend(whole.result) }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    count,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What a node answers to `sendTransaction`: the transaction's first signature. */
function signatureOf({ params }: RpcRequest): string {
  return bs58.encode(Buffer.from(String(params?.[0]), 'base64').subarray(1, 65));
}
