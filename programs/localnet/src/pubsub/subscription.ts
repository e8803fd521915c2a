import type { Address } from '@solana/kit';
import { z } from 'zod';
import type { AccountChange } from '../ledger/account.ts';
import { accountKeysOf } from '../ledger/history.ts';
import type { Ledger, LedgerUpdate } from '../ledger/ledger.ts';
import { clockSysvar, slotHashesSysvar } from '../ledger/wellKnown.ts';
import { encodeAccount, passesFilters } from '../rpc/encodeAccount.ts';
import { accountFields, addressParam, config, filters, parseParams, signatureParam } from '../rpc/params.ts';
import { invalidParams } from '../rpc/rpcError.ts';

/** One notification's `result`; `last` ends the subscription after it. */
export type Notification = { readonly result: unknown; readonly last?: boolean };

export type Subscription = {
  /** The method that notifications come under. */
  readonly notifies: string;
  /** What is to be told at once, because it happened before the subscription. */
  initial?(ledger: Ledger): readonly Notification[];
  notify(update: LedgerUpdate, ledger: Ledger): readonly Notification[];
};

type Subscribe = (params: readonly unknown[]) => Subscription;

const noConfig = config({});

function inContext(slot: number, value: unknown): unknown {
  return { context: { slot }, value };
}

const accountSubscribe: Subscribe = (params) => {
  const [address, settings] = parseParams(z.tuple([addressParam, config(accountFields)]), 1, params);
  return {
    notifies: 'accountNotification',
    notify: (update, ledger) =>
      changesIn(update, ledger)
        .filter((change) => change.address === address)
        .map(({ account }) => ({
          result: inContext(ledger.slot(), encodeAccount(account ?? goneAccount, settings)),
        })),
  };
};

const programSubscribe: Subscribe = (params) => {
  const schema = z.tuple([addressParam, config({ ...accountFields, filters })]);
  const [program, settings] = parseParams(schema, 1, params);
  return {
    notifies: 'programNotification',
    notify: (update, ledger) =>
      changesIn(update, ledger).flatMap(({ address, account }) => {
        if (account?.owner !== program || !passesFilters(account, settings?.filters ?? [])) return [];
        return [{ result: inContext(ledger.slot(), { pubkey: address, account: encodeAccount(account, settings) }) }];
      }),
  };
};

/** What a cluster tells of an account that a transaction emptied. */
const goneAccount = {
  lamports: 0n,
  data: new Uint8Array(),
  owner: '11111111111111111111111111111111' as Address,
  executable: false,
};

/** A slot changes two sysvars, without a transaction that would name them. */
function changesIn(update: LedgerUpdate, ledger: Ledger): readonly AccountChange[] {
  if (update.kind === 'transaction') return update.changes;
  return [clockSysvar, slotHashesSysvar].map((address) => ({ address, account: ledger.accounts.get(address) }));
}

const logsSubscribe: Subscribe = (params) => {
  const everything = z.enum(['all', 'allWithVotes']);
  const mentioning = z.object({ mentions: z.array(z.string()).max(100) });
  const [filter] = parseParams(z.tuple([z.union([everything, mentioning]), noConfig]), 1, params);
  const mentions = typeof filter === 'string' ? undefined : filter.mentions;
  if (mentions !== undefined && mentions.length !== 1) {
    throw invalidParams('Invalid Request: Only 1 address supported');
  }
  const [address] = mentions === undefined ? [] : parseParams(z.tuple([addressParam]), 1, mentions);
  return {
    notifies: 'logsNotification',
    notify: (update) => {
      if (update.kind !== 'transaction') return [];
      const { record } = update;
      if (address !== undefined && !accountKeysOf(record).includes(address)) return [];
      const value = { signature: record.signature, err: record.err, logs: record.logs };
      return [{ result: inContext(record.slot, value) }];
    },
  };
};

const signatureSubscribe: Subscribe = (params) => {
  const schema = z.tuple([signatureParam, config({ enableReceivedNotification: z.boolean().nullish() })]);
  const [signature] = parseParams(schema, 1, params);
  const landed = (slot: number, err: unknown): readonly Notification[] => [
    { result: inContext(slot, { err }), last: true },
  ];
  return {
    notifies: 'signatureNotification',
    initial: (ledger) => {
      const record = ledger.history.get(signature);
      return record === undefined ? [] : landed(record.slot, record.err);
    },
    notify: (update) =>
      update.kind === 'transaction' && update.record.signature === signature
        ? landed(update.record.slot, update.record.err)
        : [],
  };
};

const slotSubscribe: Subscribe = () => ({
  notifies: 'slotNotification',
  notify: (update) =>
    update.kind === 'slot' ? [{ result: { slot: update.slot, parent: update.parent, root: update.parent } }] : [],
});

const rootSubscribe: Subscribe = () => ({
  notifies: 'rootNotification',
  notify: (update) => (update.kind === 'slot' ? [{ result: update.parent }] : []),
});

/** Every kind of subscription, by the word before `Subscribe` and `Unsubscribe`. */
export const subscriptions: ReadonlyMap<string, Subscribe> = new Map(
  Object.entries({
    account: accountSubscribe,
    program: programSubscribe,
    logs: logsSubscribe,
    signature: signatureSubscribe,
    slot: slotSubscribe,
    root: rootSubscribe,
  }),
);
