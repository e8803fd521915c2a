import { z } from 'zod';
import { type AccountCall, callAccount, readAccountAnswer } from './accountCall.ts';
import { lamports } from './listPrices.ts';
import type { GatewaySession } from './logIn.ts';

const time = z.int().nullable();
const key = z
  .object({
    id: z.string(),
    name: z.string(),
    cap_day_lamports: lamports.nullable(),
    cap_total_lamports: lamports.nullable(),
    spent_day_lamports: lamports,
    spent_total_lamports: lamports,
    created_at_ms: z.int(),
    rotated_at_ms: time,
    revoked_at_ms: time,
  })
  .transform((told) => ({
    id: told.id,
    name: told.name,
    capDayLamports: told.cap_day_lamports ?? undefined,
    capTotalLamports: told.cap_total_lamports ?? undefined,
    spentDayLamports: told.spent_day_lamports,
    spentTotalLamports: told.spent_total_lamports,
    createdAtMs: told.created_at_ms,
    rotatedAtMs: told.rotated_at_ms ?? undefined,
    revokedAtMs: told.revoked_at_ms ?? undefined,
  }));
const secret = z.object({ secret: z.string().regex(/^sk-karmesh-[\w-]{43}$/) });
const newKey = z.intersection(key, secret);

/** A key of an account; amounts in lamports, of the UTC day and in all, times in Unix milliseconds. A cap that is undefined is none. */
export type AccountKey = z.output<typeof key>;
/** With the secret that asks for answers, which is told this once. */
export type NewAccountKey = z.output<typeof newKey>;

/** What a key may spend in a UTC day and in all, in lamports; null for as much as its account has. */
export interface KeyCaps {
  readonly capDayLamports?: bigint | null;
  readonly capTotalLamports?: bigint | null;
}

type Options = { readonly signal?: AbortSignal };

const read = <T extends z.ZodType>(session: GatewaySession, schema: T, call: AccountCall): Promise<z.output<T>> =>
  readAccountAnswer(session, { ...call, schema, sentence: 'The gateway’s keys are in another form.' });

const capFields = ({ capDayLamports, capTotalLamports }: KeyCaps) => ({
  ...(capDayLamports === undefined ? {} : { cap_day_lamports: capDayLamports?.toString() ?? null }),
  ...(capTotalLamports === undefined ? {} : { cap_total_lamports: capTotalLamports?.toString() ?? null }),
});
const keyPath = (id: string): string => `/v1/keys/${encodeURIComponent(id)}`;

/** The account's keys, those that ended included. This and the others here throw what `callGateway` throws, and `PROTOCOL_VIOLATION` for an answer in another form. */
export async function listKeys(session: GatewaySession, options: Options = {}): Promise<readonly AccountKey[]> {
  return (await read(session, z.object({ data: z.array(key).max(1_024) }), { path: '/v1/keys', ...options })).data;
}

/** Makes a key, with caps of its own if told. */
export function createKey(
  session: GatewaySession,
  wanted: KeyCaps & { readonly name: string },
  options: Options = {},
): Promise<NewAccountKey> {
  return read(session, newKey, { path: '/v1/keys', body: { name: wanted.name, ...capFields(wanted) }, ...options });
}

/** Changes what is told, and leaves the rest. */
export function changeKey(
  session: GatewaySession,
  change: KeyCaps & { readonly id: string; readonly name?: string },
  options: Options = {},
): Promise<AccountKey> {
  const body = { ...(change.name === undefined ? {} : { name: change.name }), ...capFields(change) };
  return read(session, key, { method: 'PATCH', path: keyPath(change.id), body, ...options });
}

/** Gives a key a new secret; those before are valid for `graceMs` more, a day unless told. Budget and id stay. */
export function rotateKey(
  session: GatewaySession,
  rotation: { readonly id: string; readonly graceMs?: number },
  options: Options = {},
): Promise<NewAccountKey> {
  const body = rotation.graceMs === undefined ? {} : { grace_ms: rotation.graceMs };
  return read(session, newKey, { path: `${keyPath(rotation.id)}/rotate`, body, ...options });
}

/** Ends a key; the gateway refuses it within two seconds. */
export async function revokeKey(
  session: GatewaySession,
  { id }: { readonly id: string },
  options: Options = {},
): Promise<void> {
  await callAccount(session, { method: 'DELETE', path: keyPath(id), ...options });
}
