import { randomUUID } from 'node:crypto';
import { KarmeshError } from '@karmesh/sdk/errors';
import { amountText, typedAddress } from '@karmesh/sdk/participant/staking';
import { toBase58 } from '@karmesh/sdk/program';
import { command, output } from '@karmesh/sdk/runtime';
import { z } from 'zod';
import { lamportsOption, typedLamports } from './lamportsOption.ts';
import { ledgerAccount } from './payments/ledger/accountNames.ts';
import { balanceOf } from './payments/ledger/balances.ts';
import { post } from './payments/ledger/post.ts';
import { addAccount, findAccount, listAccounts } from './store/accounts.ts';
import type { Sql } from './store/db.ts';
import { onStore, type StoreAction, storeSettings, typedName, unknownAction } from './storeCommand.ts';

const accountsSchema = z.object({
  ...storeSettings,
  limit: lamportsOption(
    'how far below zero the credit of a new account may go, in lamports, or SOL as in 1.5sol; not at all unless told',
  ),
  wallet: z.string().optional().meta({
    description: 'the Solana address that stands for a new account',
    placeholder: 'address',
  }),
  reference: z.string().min(1).max(128).optional().meta({
    description: 'what names a grant: repeated with the same name, `credit` grants once',
    placeholder: 'text',
  }),
});

/**
 * `karmesh-gateway accounts add NAME | list | credit NAME AMOUNT`: who pays for keys, and credit that the operator grants. Throws
 * `CONFIG_INVALID`, `STORE_LOCKED`, `STORE_UNREACHABLE`, `STORE_FAILED`.
 */
export const accountsCommand = command({
  program: 'karmesh gateway accounts',
  summary: 'Makes and lists accounts, and grants them credit.',
  section: 'gateway',
  schema: accountsSchema,
  positionals: [
    { name: 'action', description: 'add, list or credit' },
    { name: 'name', description: 'of the account', optional: true },
    { name: 'amount', description: 'what to grant: lamports, or SOL as in 1.5sol', optional: true },
  ],
  async run({ config, positionals }) {
    const shown = await onStore(config, actionOf(config, positionals, BigInt(Date.now())));
    output({ json: config.json })().data(shown.value, () => shown.text);
    return 0;
  },
});

function actionOf(
  config: z.output<typeof accountsSchema>,
  [action, wanted, amount]: readonly string[],
  nowMs: bigint,
): StoreAction {
  if (action === 'list') return list;
  if (action !== 'add' && action !== 'credit') throw unknownAction('accounts', action, ['add', 'list', 'credit']);
  if (action === 'add') {
    const name = typedName(wanted, 'An account needs a name.');
    const creditLimitLamports = typedLamports(config.limit) ?? 0n;
    const walletAddress = config.wallet === undefined ? undefined : typedAddress(config.wallet, '--wallet');
    return async (sql) => {
      const { id } = await addAccount(sql, { name, walletAddress, creditLimitLamports, createdAtMs: nowMs });
      return { value: { name, id, creditLimitLamports }, text: `Made the account ${name}.` };
    };
  }
  // A wallet's account has a name that nobody can type as a new one.
  const name = wanted ?? typedName(wanted, 'An account needs a name.');
  if (amount === undefined) throw new KarmeshError('CONFIG_INVALID', 'A grant needs an amount.', { name });
  const lamports = typedLamports(amount);
  const reference = config.reference ?? randomUUID();
  return async (sql) => {
    const credit = ledgerAccount.credit((await findAccount(sql, name)).id);
    const postings = [
      { account: ledgerAccount.granted, lamports: -lamports },
      { account: credit, lamports },
    ];
    const granted = await post(sql, { kind: 'grant', reference, atMs: nowMs, postings });
    const balance = await balanceOf(sql, credit);
    const done = granted ? `Granted ${amountText(lamports)} to ${name}` : `${name} was granted this before`;
    return { value: { name, reference, granted, balance }, text: `${done}, which has ${balance} lamports now.` };
  };
}

async function list(sql: Sql): ReturnType<StoreAction> {
  const accounts = await Promise.all(
    (await listAccounts(sql)).map(async ({ walletAddress, ...account }) => ({
      ...account,
      wallet: walletAddress === undefined ? undefined : toBase58(walletAddress),
      balance: await balanceOf(sql, ledgerAccount.credit(account.id)),
    })),
  );
  const line = ({ name, wallet, balance, creditLimitLamports }: (typeof accounts)[number]): string =>
    [name.padEnd(24), `${balance} lamports`, `may go ${creditLimitLamports} below zero`, wallet ?? '']
      .join('  ')
      .trimEnd();
  return { value: accounts, text: accounts.map(line).join('\n') };
}
