import type { WalletChoice } from './useConnection.ts';

/** The wallets of this browser, to be connected; what to do where there is none. */
export function ChooseWallet({ choice, why }: { readonly choice: WalletChoice; readonly why: string }) {
  const { choose, failure, isAsking, offered } = choice;
  return (
    <section>
      <h2>Connect a wallet</h2>
      <p>{why}</p>
      {offered.length === 0 ? (
        <p className="card">
          This browser has no Solana wallet that speaks the wallet standard. Install one as an extension, open it once,
          and load this page again. Without one, whoever runs the gateway can make you an account and a key.
        </p>
      ) : (
        <div className="row wrap">
          {offered.map((wallet) => (
            <button key={wallet.name} type="button" disabled={isAsking} onClick={() => choose(wallet)}>
              Connect {wallet.name}
            </button>
          ))}
        </div>
      )}
      {isAsking && <p role="status">Look at your wallet: it asks whether this page may know your address.</p>}
      {failure !== undefined && <p role="alert">{failure}</p>}
    </section>
  );
}
