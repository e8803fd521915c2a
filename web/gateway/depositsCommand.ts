import { KarmeshError } from '@karmesh/sdk/errors';
import { amountText } from '@karmesh/sdk/participant/staking';
import { command, output } from '@karmesh/sdk/runtime';
import { z } from 'zod';
import { assignDeposit } from './deposits/assignDeposit.ts';
import { type Deposit, listDeposits } from './deposits/depositStore.ts';
import { onStore, type StoreAction, storeSettings, unknownAction } from './storeCommand.ts';

const MAX_LISTED = 1_000;

/**
 * `karmesh-gateway deposits list | assign SIGNATURE ACCOUNT`: what was paid in and names no account. Throws `CONFIG_INVALID`, `STORE_LOCKED`,
 * `STORE_UNREACHABLE`, `STORE_FAILED`.
 */
export const depositsCommand = command({
  program: 'karmesh gateway deposits',
  summary: 'Lists deposits that name no account, and credits one to an account.',
  section: 'gateway',
  schema: z.object(storeSettings),
  positionals: [
    { name: 'action', description: 'list or assign' },
    { name: 'signature', description: 'of the transaction that brought the deposit', optional: true },
    { name: 'account', description: 'whose it is', optional: true },
  ],
  async run({ config, positionals }) {
    const shown = await onStore(config, actionOf(positionals, BigInt(Date.now())));
    output({ json: config.json })().data(shown.value, () => shown.text);
    return 0;
  },
});

function actionOf([action, signature, account]: readonly string[], nowMs: bigint): StoreAction {
  if (action === 'list')
    return async (sql) => {
      const deposits = await listDeposits(sql, { accountId: undefined, limit: MAX_LISTED });
      return { value: deposits, text: deposits.map(line).join('\n') };
    };
  if (action !== 'assign') throw unknownAction('deposits', action, ['list', 'assign']);
  if (signature === undefined || account === undefined)
    throw new KarmeshError('CONFIG_INVALID', 'A deposit is assigned by its signature to an account.', {
      signature,
      account,
    });
  return async (sql) => {
    const assigned = await assignDeposit(sql, { signature, account, nowMs });
    const sum = assigned.reduce((total, { lamports }) => total + lamports, 0n);
    return { value: { account, deposits: assigned }, text: `Credited ${amountText(sum)} to ${account}.` };
  };
}

const line = ({ signature, asset, amount, lamports, atMs }: Deposit): string =>
  [signature, asset.padEnd(5), `${amount}`, `${lamports} lamports`, new Date(Number(atMs)).toISOString()].join('  ');
