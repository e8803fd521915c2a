import type { CallMethod } from './jsonRpc.ts';
import type { RpcContext } from './method.ts';
import { methods } from './methods/table.ts';
import { RpcError, rpcCodes } from './rpcError.ts';

/** Looks a method up and runs it. */
export const callMethod =
  (context: RpcContext): CallMethod =>
  (name, params) => {
    const found = methods.get(name);
    if (found === undefined) throw new RpcError(rpcCodes.methodNotFound, 'Method not found');
    return found(context, params);
  };
