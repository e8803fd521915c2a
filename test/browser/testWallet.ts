import { toBase58 } from '@karmesh/sdk/program';
import type { Keypair } from '@karmesh/sdk/runtime';
import type { Page } from 'playwright-core';

const NAME = 'Test Wallet';

/** A wallet of the wallet standard in a page, registered before the page runs. It signs with the key, which stays out of the page. */
export async function installWallet(page: Page, keypair: Keypair): Promise<void> {
  await page.exposeFunction('signWithTestWallet', (bytes: readonly number[]) => [
    ...keypair.sign(Uint8Array.from(bytes)),
  ]);
  const wallet = { name: NAME, address: toBase58(keypair.publicKey), publicKey: [...keypair.publicKey] };
  await page.addInitScript(`(${register.toString()})(${JSON.stringify(wallet)})`);
}

type Given = { readonly name: string; readonly address: string; readonly publicKey: readonly number[] };

/** Runs in the page, so that it can name nothing of this file. */
function register(given: Given): void {
  const chains = ['solana:localnet'];
  const account = {
    address: given.address,
    publicKey: Uint8Array.from(given.publicKey),
    chains,
    features: ['solana:signMessage', 'solana:signTransaction'],
  };
  const page = globalThis as unknown as {
    signWithTestWallet(bytes: readonly number[]): Promise<readonly number[]>;
    dispatchEvent(event: Event): boolean;
    addEventListener(name: string, listener: (event: { readonly detail: Api }) => void): void;
  };
  type Api = { register(wallet: unknown): void };
  const sign = async (bytes: Uint8Array) => Uint8Array.from(await page.signWithTestWallet([...bytes]));
  const SIGNATURE_BYTES = 64;
  const wallet = {
    version: '1.0.0',
    name: given.name,
    icon: 'data:image/svg+xml;base64,',
    chains,
    accounts: [] as (typeof account)[],
    features: {
      'standard:connect': {
        version: '1.0.0',
        async connect() {
          wallet.accounts = [account];
          return { accounts: wallet.accounts };
        },
      },
      'solana:signMessage': {
        version: '1.0.0',
        signMessage: async ({ message }: { readonly message: Uint8Array }) => [
          { signedMessage: message, signature: await sign(message) },
        ],
      },
      'solana:signTransaction': {
        version: '1.0.0',
        supportedTransactionVersions: ['legacy'],
        async signTransaction({ transaction }: { readonly transaction: Uint8Array }) {
          const signedTransaction = Uint8Array.from(transaction);
          signedTransaction.set(await sign(transaction.subarray(1 + SIGNATURE_BYTES)), 1);
          return [{ signedTransaction }];
        },
      },
    },
  };
  const enter = (api: Api): void => api.register(wallet);
  page.dispatchEvent(new CustomEvent('wallet-standard:register-wallet', { detail: enter }));
  page.addEventListener('wallet-standard:app-ready', ({ detail }) => enter(detail));
}
