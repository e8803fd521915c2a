import type { Address } from '@solana/kit';
import type { Account, AccountChange } from './account.ts';

/** The accounts as the log has made them durable; the engine may be a batch ahead. */
export type Accounts = {
  get(address: Address): Account | undefined;
  ownedBy(owner: Address): readonly { readonly address: Address; readonly account: Account }[];
  /** Takes what every fresh cluster has, which no checkpoint repeats. */
  addGenesis(change: AccountChange): void;
  apply(change: AccountChange): void;
  /** What differs from a fresh cluster, accounts before the programs that need them. */
  changed(): readonly AccountChange[];
};

export function createAccounts(): Accounts {
  const accounts = new Map<Address, Account>();
  const byOwner = new Map<Address, Set<Address>>();
  const touched = new Set<Address>();

  const set = ({ address, account }: AccountChange): void => {
    const before = accounts.get(address);
    if (before !== undefined && before.owner !== account?.owner) byOwner.get(before.owner)?.delete(address);
    if (account === undefined) {
      accounts.delete(address);
      return;
    }
    accounts.set(address, account);
    const owned = byOwner.get(account.owner) ?? new Set();
    owned.add(address);
    byOwner.set(account.owner, owned);
  };

  return {
    get: (address) => accounts.get(address),
    ownedBy: (owner) =>
      [...(byOwner.get(owner) ?? [])].flatMap((address) => {
        const account = accounts.get(address);
        return account === undefined ? [] : [{ address, account }];
      }),
    addGenesis: set,
    apply: (change) => {
      touched.add(change.address);
      set(change);
    },
    changed: () =>
      [...touched]
        .map((address) => ({ address, account: accounts.get(address) }))
        .sort((a, b) => Number(a.account?.executable ?? false) - Number(b.account?.executable ?? false)),
  };
}
