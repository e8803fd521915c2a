import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { toBase58 } from '../program/address.ts';
import { callGateway, type Gateway } from './gateway.ts';

/** A wallet that is logged in at a gateway. Its token manages the keys of the wallet's account and asks for no answers. */
export interface GatewaySession extends Pick<Gateway, 'url' | 'fetch'> {
  /** As secret as a password until it expires. */
  readonly token: string;
  /** Unix time in milliseconds by the gateway's clock. */
  readonly expiresAtMs: number;
  /** Base58. */
  readonly wallet: string;
  /** The account's name. */
  readonly account: string;
}

export interface LogInOptions extends Pick<Gateway, 'fetch'> {
  /** Without a slash at the end. */
  readonly gatewayUrl: string;
  /** The wallet's address, base58. */
  readonly wallet: string;
  /** Has the wallet sign these bytes, as the Wallet Standard's `solana:signMessage` does; the 64 bytes of the signature. */
  signMessage(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
  readonly signal?: AbortSignal;
}

const challenge = z.object({ message: z.string().max(2_048), expires_at_ms: z.int() });
const opened = z.object({
  token: z.string().regex(/^karmesh-session-[\w-]{43}$/),
  expires_at_ms: z.int(),
  wallet: z.string(),
  account: z.string(),
});

/**
 * Logs a wallet in by a message that it signs (Sign In With Solana). The wallet is asked for nothing but a log-in of itself at this very gateway,
 * since another's challenge, signed, would open a session there. Throws what `callGateway` and `signMessage` throw, and `PROTOCOL_VIOLATION` for any
 * other message or an answer in another form.
 */
export async function logIn(options: LogInOptions): Promise<GatewaySession> {
  const { gatewayUrl, wallet, signal } = options;
  const gateway = { url: gatewayUrl, ...(options.fetch === undefined ? {} : { fetch: options.fetch }) };
  const more = signal === undefined ? {} : { signal };
  const violation = (sentence: string): KarmeshError =>
    new KarmeshError('PROTOCOL_VIOLATION', sentence, { gateway: gatewayUrl });
  const asked = await callGateway(gateway, { path: '/v1/session/challenge', body: { wallet }, ...more });
  const told = challenge.safeParse(await asked.json().catch(() => undefined));
  if (!told.success) throw violation('The gateway’s challenge is in another form.');
  const { message } = told.data;
  if (!isLogIn(message, options)) throw violation('The gateway asks the wallet for more than to log in there.');
  const signature = await options.signMessage(new TextEncoder().encode(message));
  const answer = await callGateway(gateway, {
    path: '/v1/session',
    body: { message, signature: toBase58(signature) },
    ...more,
  });
  const session = opened.safeParse(await answer.json().catch(() => undefined));
  if (!session.success || session.data.wallet !== wallet) throw violation('The gateway’s session is in another form.');
  const { token, expires_at_ms: expiresAtMs, account } = session.data;
  return { ...gateway, token, expiresAtMs, wallet, account };
}

/** Whether a message names this gateway and this wallet where Sign In With Solana has them, and holds nothing else than its fields. */
function isLogIn(message: string, { gatewayUrl, wallet }: LogInOptions): boolean {
  const { host, origin } = new URL(gatewayUrl);
  const [first, second, ...rest] = message.split('\n');
  return (
    first === `${host} wants you to sign in with your Solana account:` &&
    second === wallet &&
    rest.includes(`URI: ${origin}`) &&
    /^[\x20-\x7e\n]*$/.test(message)
  );
}

/** Ends a session at once. Throws what `callGateway` throws. */
export async function logOut(session: GatewaySession, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
  await callGateway({ ...session, apiKey: session.token }, { method: 'DELETE', path: '/v1/session', ...options });
}
