import { getWallets } from '@wallet-standard/app';
import type { Wallet } from '@wallet-standard/base';
import { StandardDisconnect, type StandardDisconnectFeature } from '@wallet-standard/features';
import { useEffect, useState } from 'react';
import { sentenceOf } from '../page/sentenceOf.ts';
import { type Connection, connect, isUsable } from './walletFeatures.ts';

const NAME = 'karmesh.wallet';
const wallets = getWallets();

export type WalletChoice = {
  /** The wallets of this browser that can log in here, by name. */
  readonly offered: readonly Wallet[];
  readonly connection: Connection | undefined;
  readonly failure: string | undefined;
  readonly isAsking: boolean;
  readonly choose: (wallet: Wallet) => void;
  readonly forget: () => void;
};

/** The wallet of the visitor. Its name is kept until the tab is closed, so that a view that opens anew finds it without asking. */
export function useConnection(): WalletChoice {
  const [offered, setOffered] = useState(usable);
  const [connection, setConnection] = useState<Connection>();
  const [failure, setFailure] = useState<string>();
  const [isAsking, setIsAsking] = useState(false);
  useEffect(() => {
    const look = (): void => setOffered(usable());
    const stops = [wallets.on('register', look), wallets.on('unregister', look)];
    look();
    return () => {
      for (const stop of stops) stop();
    };
  }, []);
  const known = offered.find(({ name }) => name === sessionStorage.getItem(NAME));
  useEffect(() => {
    if (known === undefined) return;
    let isOver = false;
    connect(known, { silent: true }).then(
      (found) => {
        if (!isOver) setConnection(found);
      },
      // Who has taken the permission back is asked again, by the button.
      () => sessionStorage.removeItem(NAME),
    );
    return () => {
      isOver = true;
    };
  }, [known]);
  const ask = async (wallet: Wallet): Promise<void> => {
    setIsAsking(true);
    setFailure(undefined);
    try {
      const found = await connect(wallet, { silent: false });
      if (found === undefined) throw new Error(`${wallet.name} has given this page no account of Solana.`);
      sessionStorage.setItem(NAME, wallet.name);
      setConnection(found);
    } catch (cause) {
      setFailure(sentenceOf(cause));
    } finally {
      setIsAsking(false);
    }
  };
  return {
    offered,
    connection,
    failure,
    isAsking,
    choose: (wallet) => void ask(wallet),
    forget() {
      sessionStorage.removeItem(NAME);
      const features = connection?.wallet.features as Partial<StandardDisconnectFeature> | undefined;
      void features?.[StandardDisconnect]?.disconnect();
      setConnection(undefined);
    },
  };
}

function usable(): readonly Wallet[] {
  return wallets.get().filter(isUsable);
}
