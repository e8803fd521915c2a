import { type Address, addressFromBase58, toBase58 } from '@karmesh/sdk/program';

/** What a person is asked to sign, but for what is the same in every message. */
export type SignInTerms = {
  /** Where the gateway is for its clients, as in `https://gateway.example`. */
  readonly origin: string;
  readonly wallet: Address;
  /** The cluster's. */
  readonly genesis: Uint8Array;
  /** Hexadecimal digits. */
  readonly nonce: string;
  /** Unix milliseconds. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
};

/** ASCII without a line break, as the grammar has it. */
const STATEMENT =
  "Log in to manage this account's API keys and credit. This is not a transaction: it costs nothing and moves no funds.";

/** The names that wallets know for a chain, by its genesis hash; any other is a developer's own. */
const CHAINS: Readonly<Record<string, string>> = {
  '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d': 'mainnet',
  EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG: 'devnet',
  '4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY': 'testnet',
};

/**
 * The text in the form of Sign In With Solana (CAIP-122, after ERC-4361; the message of the Wallet Standard's `solana:signIn`), which wallets show
 * in parts and compare with the page that asks. The whole genesis hash stands among the resources, since `Chain ID` has names.
 */
export function signInMessage(terms: SignInTerms): string {
  const { origin, wallet, genesis, nonce, issuedAtMs, expiresAtMs } = terms;
  const cluster = toBase58(genesis);
  return [
    `${new URL(origin).host} wants you to sign in with your Solana account:`,
    toBase58(wallet),
    '',
    STATEMENT,
    '',
    `URI: ${origin}`,
    'Version: 1',
    `Chain ID: ${CHAINS[cluster] ?? 'localnet'}`,
    `Nonce: ${nonce}`,
    `Issued At: ${new Date(issuedAtMs).toISOString()}`,
    `Expiration Time: ${new Date(expiresAtMs).toISOString()}`,
    'Resources:',
    `- solana:${cluster}`,
  ].join('\n');
}

const TIME = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z';
const VARYING = new RegExp(
  `^[^\\n]{1,256}\\n([1-9A-HJ-NP-Za-km-z]{32,44})\\n[^]*\\nNonce: ([0-9a-f]{64})\\nIssued At: (${TIME})\\n`,
);

/**
 * What varies in a message. It is for the caller to write the message of these terms anew and to compare: what else the text may hold is not
 * looked at here. Undefined for what is no such message.
 */
export function readSignInMessage(message: string): Pick<SignInTerms, 'wallet' | 'nonce' | 'issuedAtMs'> | undefined {
  const [, address = '', nonce = '', issued = ''] = VARYING.exec(message) ?? [];
  const issuedAtMs = Date.parse(issued);
  if (Number.isNaN(issuedAtMs)) return undefined;
  try {
    return { wallet: addressFromBase58(address), nonce, issuedAtMs };
  } catch {
    // What is no address is no wallet's message.
    return undefined;
  }
}
