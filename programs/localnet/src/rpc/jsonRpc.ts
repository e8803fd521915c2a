import { KarmeshError } from '@karmesh/sdk/errors';
import type { Logger } from '@karmesh/sdk/runtime';
import { z } from 'zod';
import { RpcError, rpcCodes } from './rpcError.ts';

export type JsonRpcReply = {
  readonly jsonrpc?: '2.0';
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
  readonly id: string | number | null;
};

/** Runs one method with its untrusted parameters. Throws `RpcError` for what the caller did wrong. */
export type CallMethod = (method: string, params: readonly unknown[]) => unknown;

const idSchema = z.union([z.string(), z.number(), z.null()]);
const callSchema = z.object({
  jsonrpc: z.unknown().optional(),
  id: idSchema.optional(),
  method: z.unknown().optional(),
  params: z.unknown().optional(),
});
const bodySchema = z.union([callSchema, z.array(callSchema)]);

export type JsonRpcParts = { readonly call: CallMethod; readonly log: Pick<Logger, 'error'> };

/** Answers one body, a call or a batch; undefined if it holds notifications only, which get no answer. */
export async function answerJsonRpc(
  body: string,
  parts: JsonRpcParts,
): Promise<JsonRpcReply | readonly JsonRpcReply[] | undefined> {
  const parsed = bodySchema.safeParse(parseJson(body));
  if (!parsed.success) return failure(null, new RpcError(rpcCodes.parse, 'Parse error'));
  if (!Array.isArray(parsed.data)) return answerOne(parsed.data, parts);
  const replies: JsonRpcReply[] = [];
  for (const call of parsed.data) {
    const reply = await answerOne(call, parts);
    if (reply !== undefined) replies.push(reply);
  }
  return replies.length === 0 ? undefined : replies;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

async function answerOne(
  { jsonrpc, id, method, params }: z.infer<typeof callSchema>,
  { call, log }: JsonRpcParts,
): Promise<JsonRpcReply | undefined> {
  if (id === undefined) return undefined;
  if (jsonrpc !== '2.0') {
    const { error } = failure(id, new RpcError(rpcCodes.invalidRequest, 'Unsupported JSON-RPC protocol version'));
    return error === undefined ? undefined : { error, id };
  }
  if (typeof method !== 'string') return failure(id, new RpcError(rpcCodes.invalidRequest, 'Invalid request'));
  if (params !== undefined && params !== null && !Array.isArray(params)) {
    return failure(id, new RpcError(rpcCodes.invalidParams, '`params` should be an array'));
  }
  try {
    return { jsonrpc: '2.0', result: await call(method, params ?? []), id };
  } catch (cause) {
    if (cause instanceof RpcError) return failure(id, cause);
    log.error({ err: cause, method }, 'A call failed.');
    if (cause instanceof KarmeshError) {
      const data = { code: cause.code, docs: cause.docs };
      return failure(id, new RpcError(rpcCodes.internal, `${cause.code}: ${cause.message}`, data));
    }
    return failure(id, new RpcError(rpcCodes.internal, 'Internal error'));
  }
}

function failure(id: JsonRpcReply['id'], { code, message, data }: RpcError): JsonRpcReply {
  return { jsonrpc: '2.0', error: { code, message, ...(data === undefined ? {} : { data }) }, id };
}
