import { z } from 'zod';
import { encodeAccount, passesFilters } from '../encodeAccount.ts';
import { checkMinContextSlot, type Method, method, withContext } from '../method.ts';
import { accountFields, addressParam, config, contextConfig, filters } from '../params.ts';

const accountConfig = config(accountFields);

export const accountMethods: Readonly<Record<string, Method>> = {
  getBalance: method(z.tuple([addressParam, contextConfig]), 1, ({ ledger }, address, settings) => {
    checkMinContextSlot(ledger, settings);
    return withContext(ledger, ledger.accounts.get(address)?.lamports ?? 0);
  }),

  getAccountInfo: method(z.tuple([addressParam, accountConfig]), 1, ({ ledger }, address, settings) => {
    checkMinContextSlot(ledger, settings);
    const account = ledger.accounts.get(address);
    return withContext(ledger, account === undefined ? null : encodeAccount(account, settings));
  }),

  getMultipleAccounts: method(
    z.tuple([z.array(addressParam).max(100, { error: 'Too many inputs provided; max 100' }), accountConfig]),
    1,
    ({ ledger }, addresses, settings) => {
      checkMinContextSlot(ledger, settings);
      const value = addresses.map((address) => {
        const account = ledger.accounts.get(address);
        return account === undefined ? null : encodeAccount(account, { encoding: 'base64', ...settings });
      });
      return withContext(ledger, value);
    },
  ),

  getProgramAccounts: method(
    z.tuple([addressParam, config({ ...accountFields, filters, withContext: z.boolean().nullish() })]),
    1,
    ({ ledger }, program, settings) => {
      checkMinContextSlot(ledger, settings);
      const value = ledger.accounts
        .ownedBy(program)
        .filter(({ account }) => passesFilters(account, settings?.filters ?? []))
        .map(({ address, account }) => ({ account: encodeAccount(account, settings), pubkey: address }));
      return settings?.withContext === true ? withContext(ledger, value) : value;
    },
  ),

  getMinimumBalanceForRentExemption: method(
    z.tuple([z.int().nonnegative(), contextConfig]),
    1,
    ({ ledger }, dataBytes) => ledger.rentExemptMinimum(dataBytes),
  ),
};
