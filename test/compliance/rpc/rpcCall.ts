/** One JSON-RPC answer, as the bytes say and before any client has interpreted it. */
export type RpcAnswer = {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
};

/** Calls a method over HTTP without a client library, so that a test sees the raw answer. */
export async function rpcCall(rpcUrl: string, method: string, params: readonly unknown[] = []): Promise<RpcAnswer> {
  const { body } = await rpcPost(rpcUrl, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  const { result, error } = JSON.parse(body) as RpcAnswer;
  return error === undefined ? { result } : { error };
}

/** Posts a body as it is. */
export async function rpcPost(
  rpcUrl: string,
  body: string,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(rpcUrl, { method: 'POST', headers, body });
  return { status: response.status, body: (await response.text()).trim() };
}
