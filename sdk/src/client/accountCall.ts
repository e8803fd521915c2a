import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { callGateway, type Gateway } from './gateway.ts';
import type { GatewaySession } from './logIn.ts';

/** Who asks about an account: its wallet, logged in, or where that is enough one of its keys. */
export type AccountAsker = GatewaySession | Gateway;

export interface AccountCall {
  readonly path: string;
  readonly method?: 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Lamports that may be below zero, as a debt is. */
export const signedLamports = z
  .string()
  .regex(/^-?\d{1,20}$/)
  .transform(BigInt);

/** One call about an account. Throws what `callGateway` throws. */
export const callAccount = (asker: AccountAsker, call: AccountCall): Promise<Response> =>
  callGateway({ ...asker, apiKey: 'token' in asker ? asker.token : asker.apiKey }, call);

/** The same with an answer of this form. Throws `PROTOCOL_VIOLATION` with the sentence for any other. */
export async function readAccountAnswer<T extends z.ZodType>(
  asker: AccountAsker,
  { schema, sentence, ...call }: AccountCall & { readonly schema: T; readonly sentence: string },
): Promise<z.output<T>> {
  const response = await callAccount(asker, call);
  const parsed = schema.safeParse(await response.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new KarmeshError('PROTOCOL_VIOLATION', sentence, { gateway: asker.url });
}
