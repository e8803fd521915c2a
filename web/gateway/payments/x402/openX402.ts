import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import { addressFromBase58, associatedTokenAccount, readTokenAccount, toBase58 } from '@karmesh/sdk/program';
import type { Signer } from '@karmesh/sdk/signer';
import type { Connection } from '@solana/web3.js';
import { facilitator } from './facilitator.ts';
import { localSigner } from './localSigner.ts';
import { recoverOften } from './recoverOften.ts';
import { DEVNET, LOCALNET } from './requirements.ts';
import { type X402Door, type X402Parts, x402Door } from './x402Door.ts';

export type X402Options = {
  readonly isLocal: boolean;
  readonly mint: Uint8Array;
  /** The owner of the token account that is paid. */
  readonly payTo: Uint8Array;
  /** Lamports for 10^9 base units. */
  readonly tokenRate: bigint | undefined;
  /** Milliseconds. */
  readonly pollMs: number;
};

const CONFIRM_MS = 30_000;
const RECOVER_MS = 15_000;
const MAX_TIMEOUT_SECONDS = 60;
/** A CAIP-2 reference has so many characters of the genesis hash. */
const CAIP_REFERENCE = 32;

/**
 * The door for payments of x402, after what an earlier process left has been credited.
 *
 * @throws KarmeshError `CONFIG_INVALID` where the market has no token, no rate was told, or the paid wallet has no account for the token.
 */
export async function openX402(
  options: X402Options,
  parts: Omit<X402Parts, 'clock' | 'facilitator' | 'signer'> & {
    readonly clock: Clock;
    readonly connection: Connection;
    readonly signer: Signer;
    readonly signal: AbortSignal;
    /** 32 bytes. */
    readonly genesis: Uint8Array;
  },
): Promise<X402Door & AsyncDisposable> {
  const { isLocal, mint, payTo, pollMs, tokenRate } = options;
  const { connection, genesis, log, signal } = parts;
  if (mint.every((byte) => byte === 0))
    throw new KarmeshError('CONFIG_INVALID', 'This market has no token, in which x402 could be paid.');
  if (tokenRate === undefined) throw new KarmeshError('CONFIG_INVALID', '--x402 needs --token-rate.');
  const paid = associatedTokenAccount(addressFromBase58(toBase58(payTo)), addressFromBase58(toBase58(mint)));
  if ((await readTokenAccount(connection, paid, { signal })) === undefined)
    throw new KarmeshError('CONFIG_INVALID', 'The wallet that x402 pays has no account for the token.', {
      wallet: toBase58(payTo),
      account: toBase58(paid),
    });
  const network = isLocal ? DEVNET : (`solana:${toBase58(genesis).slice(0, CAIP_REFERENCE)}` as const);
  const cluster = isLocal ? LOCALNET : undefined;
  const signer = localSigner({ pollMs, confirmMs: CONFIRM_MS })(parts);
  const door = x402Door({
    network,
    cluster,
    mint: toBase58(mint),
    payTo: toBase58(payTo),
    feePayer: toBase58(parts.signer.publicKey),
    tokenRate,
    maxTimeoutSeconds: MAX_TIMEOUT_SECONDS,
  })({ ...parts, signer, facilitator: facilitator({ signer, network }) });
  const { credited } = await door.recover();
  log.info(
    { network, cluster, mint: toBase58(mint), payTo: toBase58(payTo), recovered: credited },
    'Payments of x402 are taken.',
  );
  return { ...door, ...recoverOften(RECOVER_MS)({ clock: parts.clock, door, log }) };
}
