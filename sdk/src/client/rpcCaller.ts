import { z } from 'zod';
import { KarmeshError } from '../errors.ts';

export interface RpcCaller {
  /** The node's origin: a path may hold a key, so that errors name no more. */
  readonly node: string;
  /** One call's result. Throws `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`. */
  call(method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown>;
  /** The same by a schema. Throws `RPC_FAILED` also for a result in another form. */
  callFor<T>(
    schema: z.ZodType<T>,
    asked: { readonly method: string; readonly params: readonly unknown[]; readonly signal: AbortSignal },
  ): Promise<T>;
}

const reply = z.union([
  z.object({ result: z.unknown() }).refine(({ result }) => result !== undefined),
  z.object({ error: z.object({ message: z.string() }) }),
]);

/** Speaks JSON-RPC with a Solana node by `fetch` alone. */
export function rpcCaller(options: { readonly rpcUrl: string; readonly fetch?: typeof globalThis.fetch }): RpcCaller {
  const { rpcUrl } = options;
  const send = options.fetch ?? globalThis.fetch;
  const node = new URL(rpcUrl).origin;

  const call: RpcCaller['call'] = async (method, params, signal) => {
    let body: unknown;
    try {
      const response = await send(rpcUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
        signal,
      });
      body = await response.json();
    } catch (cause) {
      if (signal.aborted)
        throw new KarmeshError('ABORTED', 'A request to the RPC node was aborted.', { method }, cause);
      throw new KarmeshError('RPC_UNREACHABLE', 'The RPC node could not be reached.', { method, node }, cause);
    }
    const parsed = reply.safeParse(body);
    if (!parsed.success) throw new KarmeshError('RPC_FAILED', 'The RPC node did not speak JSON-RPC.', { method, node });
    if ('error' in parsed.data) {
      const { message } = parsed.data.error;
      throw new KarmeshError('RPC_FAILED', 'The RPC node refused a request.', { method, node, message });
    }
    return parsed.data.result;
  };

  return {
    node,
    call,
    async callFor(schema, { method, params, signal }) {
      const parsed = schema.safeParse(await call(method, params, signal));
      if (parsed.success) return parsed.data;
      throw new KarmeshError('RPC_FAILED', 'The RPC node answered in another form.', { method, node });
    },
  };
}
