import { describe, expect, test } from 'vitest';
import type { Fixture } from './fixture.ts';
import { rpcPost } from './rpcCall.ts';

/** How requests are framed, bounded and answered. */
export function httpContract(fixture: () => Fixture): void {
  describe('HTTP', () => {
    const health = { jsonrpc: '2.0', id: 1, method: 'getHealth' };
    const post = (body: string, headers?: Readonly<Record<string, string>>) =>
      rpcPost(fixture().cluster.rpcUrl, body, headers);

    test('answers JSON-RPC, single and in batches', async () => {
      const ok = { jsonrpc: '2.0', result: 'ok', id: 1 };
      const parseError = { jsonrpc: '2.0', error: { code: -32_700, message: 'Parse error' }, id: null };
      const answers: unknown[] = [];
      for (const body of [
        JSON.stringify(health),
        JSON.stringify([health, { ...health, id: 'two' }]),
        JSON.stringify({ ...health, id: 1, method: 'nope' }),
        JSON.stringify({ ...health, method: 'getSlot', params: { a: 1 } }),
        JSON.stringify({ id: 1, method: 'getHealth' }),
        JSON.stringify({ jsonrpc: '2.0', id: 1 }),
        '{',
        '"text"',
        '[5]',
      ]) {
        answers.push(JSON.parse((await post(body)).body));
      }
      expect(answers).toEqual([
        ok,
        [ok, { ...ok, id: 'two' }],
        { jsonrpc: '2.0', error: { code: -32_601, message: 'Method not found' }, id: 1 },
        { jsonrpc: '2.0', error: { code: -32_602, message: '`params` should be an array' }, id: 1 },
        { error: { code: -32_600, message: 'Unsupported JSON-RPC protocol version' }, id: 1 },
        { jsonrpc: '2.0', error: { code: -32_600, message: 'Invalid request' }, id: 1 },
        parseError,
        parseError,
        parseError,
      ]);
      expect(await post(JSON.stringify({ jsonrpc: '2.0', method: 'getHealth' }))).toEqual({ status: 200, body: '' });
      expect(await post('[]')).toEqual({ status: 200, body: '' });
    });

    test('bounds and checks requests', async () => {
      const { cluster } = fixture();
      expect((await post('x'.repeat(60_000))).status).toBe(413);
      expect((await post(JSON.stringify(health), { 'content-type': 'text/plain' })).status).toBe(415);
      expect((await fetch(cluster.rpcUrl)).status).toBe(405);
      expect(await (await fetch(`${cluster.rpcUrl}/health`)).text()).toBe('ok');
    });

    test('lets pages in browsers call it', async () => {
      const { cluster } = fixture();
      const preflight = await fetch(cluster.rpcUrl, {
        method: 'OPTIONS',
        headers: {
          origin: 'http://localhost:5173',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type',
        },
      });
      expect(preflight.status).toBe(200);
      expect(preflight.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
      expect(preflight.headers.get('access-control-allow-headers')).toContain('content-type');
    });
  });
}
