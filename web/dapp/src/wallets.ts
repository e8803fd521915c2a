import { address, getTransactionDecoder, getTransactionEncoder, type TransactionPartialSigner } from '@solana/kit';
import { SolanaSignTransaction, type SolanaSignTransactionFeature } from '@solana/wallet-standard-features';
import { getWallets } from '@wallet-standard/app';
import type { IdentifierString, Wallet, WalletWithFeatures } from '@wallet-standard/base';
import { StandardConnect, type StandardConnectFeature } from '@wallet-standard/features';

export type PayingWallet = WalletWithFeatures<StandardConnectFeature & SolanaSignTransactionFeature>;

const canPay = (wallet: Wallet): wallet is PayingWallet =>
  StandardConnect in wallet.features && SolanaSignTransaction in wallet.features;

/** Tells which wallets of this browser can pay, now and whenever another one registers. */
export function watchWallets(onChange: (wallets: readonly PayingWallet[]) => void): void {
  const { get, on } = getWallets();
  const tell = (): void => onChange(get().filter(canPay));
  on('register', tell);
  on('unregister', tell);
  tell();
}

/** The wallet's account as a signer of payments. The wallet asks its owner; nothing is signed before. */
export async function signerOf(wallet: PayingWallet, chain: IdentifierString): Promise<TransactionPartialSigner> {
  const { accounts } = await wallet.features[StandardConnect].connect();
  const account = accounts.find(({ features }) => features.includes(SolanaSignTransaction));
  if (account === undefined) throw new Error('This wallet shares no account that signs transactions.');
  const payer = address(account.address);
  return {
    address: payer,
    async signTransactions(transactions) {
      const inputs = transactions.map((transaction) => ({
        account,
        chain,
        transaction: new Uint8Array(getTransactionEncoder().encode(transaction)),
      }));
      const signed = await wallet.features[SolanaSignTransaction].signTransaction(...inputs);
      return signed.map(({ signedTransaction }) => {
        const signature = getTransactionDecoder().decode(signedTransaction).signatures[payer];
        if (signature == null) throw new Error('The wallet did not sign.');
        return { [payer]: signature };
      });
    },
  };
}
