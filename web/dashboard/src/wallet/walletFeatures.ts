import {
  SolanaSignAndSendTransaction,
  type SolanaSignAndSendTransactionFeature,
  SolanaSignMessage,
  type SolanaSignMessageFeature,
  SolanaSignTransaction,
  type SolanaSignTransactionFeature,
} from '@solana/wallet-standard-features';
import type { Wallet, WalletAccount } from '@wallet-standard/base';
import { StandardConnect, type StandardConnectFeature } from '@wallet-standard/features';

type Features = Partial<
  StandardConnectFeature & SolanaSignMessageFeature & SolanaSignTransactionFeature & SolanaSignAndSendTransactionFeature
>;

/** A wallet and the one of its accounts that the visitor lets this page know. */
export type Connection = { readonly wallet: Wallet; readonly account: WalletAccount };

function featuresOf(wallet: Wallet): Features {
  return wallet.features as Features;
}

/** Whether a wallet can log in here: one of another chain cannot. */
export function isUsable(wallet: Wallet): boolean {
  return StandardConnect in wallet.features && SolanaSignMessage in wallet.features;
}

/** Asks the wallet for an account; a silent one asks nobody, and finds what was allowed before. */
export async function connect(
  wallet: Wallet,
  { silent }: { readonly silent: boolean },
): Promise<Connection | undefined> {
  const { accounts } = (await featuresOf(wallet)[StandardConnect]?.connect(silent ? { silent } : {})) ?? wallet;
  const account = accounts.find(({ chains }) => chains.some((chain) => chain.startsWith('solana:')));
  return account === undefined ? undefined : { wallet, account };
}

/** The wallet's signature of a text. Throws if the wallet has signed something else. */
export async function signText({ account, wallet }: Connection, text: string): Promise<Uint8Array> {
  const message = new TextEncoder().encode(text);
  const [signed] = (await featuresOf(wallet)[SolanaSignMessage]?.signMessage({ account, message })) ?? [];
  if (signed === undefined) throw new Error('The wallet has signed nothing.');
  const isSame =
    signed.signedMessage.length === message.length && signed.signedMessage.every((byte, i) => byte === message[i]);
  if (!isSame) throw new Error('The wallet has signed another text than the gateway’s.');
  return signed.signature;
}

/** By genesis hash, as wallets call clusters; any other is a developer's own. */
const CHAINS: Readonly<Record<string, `solana:${string}`>> = {
  '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d': 'solana:mainnet',
  EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG: 'solana:devnet',
  '4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY': 'solana:testnet',
};

/**
 * Has the wallet sign a transaction, and send it where it knows the cluster. `sent` is its signature's bytes, `signed` what is left for the page
 * to send. Throws where the wallet can do neither.
 */
export async function signTransaction(
  { account, wallet }: Connection,
  { genesisHash, transaction }: { readonly genesisHash: string; readonly transaction: Uint8Array },
): Promise<{ readonly sent: Uint8Array } | { readonly signed: Uint8Array }> {
  const chain = CHAINS[genesisHash] ?? 'solana:localnet';
  const features = featuresOf(wallet);
  const sends = features[SolanaSignAndSendTransaction];
  const signs = features[SolanaSignTransaction];
  // A developer's own cluster lies where the page reads it, and not where a wallet would send to.
  if (sends !== undefined && (signs === undefined || chain !== 'solana:localnet')) {
    const [output] = await sends.signAndSendTransaction({ account, chain, transaction });
    if (output !== undefined) return { sent: output.signature };
  } else if (signs !== undefined) {
    const [output] = await signs.signTransaction({ account, chain, transaction });
    if (output !== undefined) return { signed: output.signedTransaction };
  }
  throw new Error('This wallet has signed no transaction.');
}
