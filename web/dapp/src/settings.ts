import { isLoopback } from '@karmesh/sdk/client';

/** Which market this page buys from: `?gateway=URL&rpc=URL&mint=ADDRESS`. A page of your own would write these down. */
const told = new URLSearchParams(location.search);

export const gatewayUrl = (told.get('gateway') ?? 'http://127.0.0.1:8787').replace(/\/$/, '');
/** The node that answers are checked against: one that you trust, and not the gateway's. */
export const rpcUrl = told.get('rpc') ?? 'http://127.0.0.1:8899';
export const isLocal = isLoopback(rpcUrl);
/** The token that is paid in; no other is ever paid. */
export const mint = told.get('mint') ?? '';
/** Base units of it that one answer may cost at most. */
export const MOST_BASE_UNITS = '1000000000';
/** Devnet's id in x402, under which a local cluster is offered too. */
export const NETWORK = 'solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1';
