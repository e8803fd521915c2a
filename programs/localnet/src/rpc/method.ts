import type { z } from 'zod';
import type { Ledger } from '../ledger/ledger.ts';
import { parseParams } from './params.ts';
import { RpcError, rpcCodes } from './rpcError.ts';

/** What a method works on. */
export type RpcContext = {
  readonly ledger: Ledger;
  /** Who the cluster says it is, base58. */
  readonly identity: string;
};

export type Method = (context: RpcContext, params: readonly unknown[]) => unknown;

/** The Agave whose answers localnet gives, `major.minor.patch`. */
export const apiVersion = '4.2.2';

/** A method from the schema of its parameters, of which the first `required` must be there, and what answers them. */
export function method<S extends z.ZodType<readonly unknown[]>>(
  schema: S,
  required: number,
  answer: (context: RpcContext, ...params: z.output<S>) => unknown,
): Method {
  return (context, params) => answer(context, ...parseParams(schema, required, params));
}

/** The `{context, value}` that most answers come in. */
export function withContext(ledger: Ledger, value: unknown): unknown {
  return { context: { apiVersion, slot: ledger.slot() }, value };
}

/** Refuses to answer from a state older than the caller has seen. */
export function checkMinContextSlot(
  ledger: Ledger,
  settings: { readonly minContextSlot?: number | null | undefined } | undefined,
): void {
  const slot = ledger.slot();
  if ((settings?.minContextSlot ?? 0) > slot) {
    throw new RpcError(rpcCodes.minContextSlot, 'Minimum context slot has not been reached', { contextSlot: slot });
  }
}
