import { toBase58 } from '@karmesh/sdk/client';
import { z } from 'zod';
import { address, whole } from '../market/facts.ts';

const time = z.number().nonnegative();
const limit = whole.nullable();
const signed = z
  .string()
  .regex(/^-?\d{1,20}$/)
  .transform(BigInt);

const session = z.object({
  token: z.string().regex(/^karmesh-session-[\w-]{43}$/),
  expires_at_ms: time,
  wallet: address,
});
export type Session = z.output<typeof session>;

const account = z.object({
  name: z.string().max(200),
  balanceLamports: signed,
  creditLimitLamports: whole,
  heldLamports: whole,
});

const key = z.object({
  id: z.string().min(1).max(128),
  name: z.string().max(200),
  cap_day_lamports: limit,
  cap_total_lamports: limit,
  spent_day_lamports: signed,
  spent_total_lamports: signed,
  created_at_ms: time,
  rotated_at_ms: time.nullable(),
  revoked_at_ms: time.nullable(),
});
export type KeyFacts = z.output<typeof key>;
const keyWithSecret = key.extend({ secret: z.string().min(1).max(200) });
const keys = z.object({ data: z.array(key).max(10_000) });

const movements = z.object({
  data: z
    .array(
      z.object({
        id: z.string().regex(/^\d{1,18}$/),
        kind: z.string().max(64),
        reference: z.string().max(512),
        at_ms: time,
        lamports: signed,
      }),
    )
    .max(100),
  has_more: z.boolean(),
});
export type Movements = z.output<typeof movements>;

const deposits = z.object({
  data: z
    .array(
      z.object({
        signature: z.string().max(88),
        asset: z.string().max(16),
        creditedLamports: whole,
        creditedAtMs: time,
      }),
    )
    .max(100),
});
export type Deposits = z.output<typeof deposits>['data'];

const offer = z.object({
  asset: z.enum(['sol', 'token']),
  address,
  mint: address.nullable(),
  reference: address,
  lamportsPerBillion: whole,
  expiresAtMs: time,
});
export type DepositOffer = z.output<typeof offer>;

const errorBody = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) });

/** The gateway knows the session no longer: one logs in again. */
export class SessionOver extends Error {}

type Call = {
  readonly method?: string;
  readonly body?: unknown;
  readonly token?: string;
  readonly signal?: AbortSignal;
};

async function call(path: string, { body, method = 'GET', signal, token }: Call): Promise<Response> {
  const response = await fetch(path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.ok) return response;
  const said = errorBody.safeParse(await response.json().catch(() => undefined)).data?.error;
  if (said?.code === 'invalid_session') throw new SessionOver(said.message);
  throw new Error(said?.message ?? `The gateway answered ${path} with status ${response.status}.`);
}

/** Logs a wallet in: the gateway writes a text, the wallet signs it. */
export async function logIn(wallet: string, sign: (text: string) => Promise<Uint8Array>): Promise<Session> {
  const challenge = await call('/v1/session/challenge', { method: 'POST', body: { wallet } });
  const { message } = z.object({ message: z.string().max(2_048) }).parse(await challenge.json());
  const signature = toBase58(await sign(message));
  return session.parse(await (await call('/v1/session', { method: 'POST', body: { message, signature } })).json());
}

export type AccountApi = ReturnType<typeof accountApi>;

/** What a wallet that is logged in may ask the gateway. Every call throws `SessionOver` once the session has ended. */
export function accountApi(token: string) {
  const read = async <T>(path: string, schema: z.ZodType<T>, options: Call = {}): Promise<T> =>
    schema.parse(await (await call(path, { ...options, token })).json());
  const keyPath = (id: string): string => `/v1/keys/${encodeURIComponent(id)}`;
  return {
    account: (signal: AbortSignal) => read('/v1/account', account, { signal }),
    keys: async (signal: AbortSignal) => (await read('/v1/keys', keys, { signal })).data,
    makeKey: (wanted: { readonly name: string } & Caps) =>
      read('/v1/keys', keyWithSecret, { method: 'POST', body: { name: wanted.name, ...capsBody(wanted) } }),
    changeKey: (id: string, caps: Caps) => read(keyPath(id), key, { method: 'PATCH', body: capsBody(caps) }),
    rotateKey: (id: string) => read(`${keyPath(id)}/rotate`, keyWithSecret, { method: 'POST', body: {} }),
    async revokeKey(id: string): Promise<void> {
      await call(keyPath(id), { method: 'DELETE', token });
    },
    movements: (before: string | undefined, signal: AbortSignal) =>
      read(`/v1/movements?limit=20${before === undefined ? '' : `&before=${before}`}`, movements, { signal }),
    deposits: async (signal: AbortSignal) => (await read('/v1/deposits', deposits, { signal })).data,
    offerDeposit: (asset: DepositOffer['asset']) => read('/v1/deposits', offer, { method: 'POST', body: { asset } }),
    async logOut(): Promise<void> {
      await call('/v1/session', { method: 'DELETE', token });
    },
  };
}

export type Caps = { readonly capDay: bigint | null; readonly capTotal: bigint | null };

function capsBody({ capDay, capTotal }: Caps) {
  return { cap_day_lamports: capDay?.toString() ?? null, cap_total_lamports: capTotal?.toString() ?? null };
}

const NAME = 'karmesh.session';

/** The session that this tab has kept; undefined if it is over, or of another wallet. */
export function keptSession(wallet: string): Session | undefined {
  try {
    const kept = session.safeParse(JSON.parse(sessionStorage.getItem(NAME) ?? 'null')).data;
    return kept?.wallet === wallet && kept.expires_at_ms > Date.now() ? kept : undefined;
  } catch {
    // Nobody but this page writes there, and what is no JSON was not written by it.
    return undefined;
  }
}

/** Kept until the tab is closed, and nowhere else. */
export function keepSession(kept: Session | undefined): void {
  if (kept === undefined) sessionStorage.removeItem(NAME);
  else sessionStorage.setItem(NAME, JSON.stringify(kept));
}
