import { amountText } from '@karmesh/sdk/participant/staking';
import { command, output } from '@karmesh/sdk/runtime';
import { z } from 'zod';
import { lamportsOption, typedLamports } from './lamportsOption.ts';
import { findAccount } from './store/accounts.ts';
import {
  type ApiKeyInfo,
  addApiKey,
  generateApiKey,
  listApiKeys,
  revokeApiKeys,
  rotateApiKey,
} from './store/apiKeys.ts';
import type { Sql } from './store/db.ts';
import { onStore, type StoreAction, storeSettings, typedName, unknownAction } from './storeCommand.ts';

const MS_PER_HOUR = 3_600_000;

const keysSchema = z.object({
  ...storeSettings,
  account: z.string().optional().meta({
    description: 'the account that pays for the key; for `add` the operator’s own unless told, for the others any',
    placeholder: 'name',
  }),
  capDay: lamportsOption('what a new key may spend in a UTC day, in lamports, or SOL as in 1.5sol; no cap unless told'),
  capTotal: lamportsOption('what a new key may spend in all; no cap unless told'),
  overlapHours: z
    .number()
    .min(0)
    .max(8760)
    .default(24)
    .meta({ description: 'how long `rotate` leaves the old secret of a key valid' }),
});

/**
 * `karmesh-gateway keys add NAME | list | rotate NAME | revoke NAME`. With the embedded database the gateway must not be running; with PostgreSQL
 * it may. Throws `CONFIG_INVALID`, `STORE_LOCKED`, `STORE_UNREACHABLE`, `STORE_FAILED`.
 */
export const keysCommand = command({
  program: 'karmesh gateway keys',
  summary: 'Makes, lists, rotates and ends API keys.',
  section: 'gateway',
  schema: keysSchema,
  positionals: [
    { name: 'action', description: 'add, list, rotate or revoke' },
    { name: 'name', description: 'whose key it is', optional: true },
  ],
  async run({ config, positionals: [action, wanted] }) {
    const shown = await onStore(config, actionOf(config, { action, wanted, nowMs: BigInt(Date.now()) }));
    output({ json: config.json })().data(shown.value, () => shown.text);
    return 0;
  },
});

type Asked = { readonly action: string | undefined; readonly wanted: string | undefined; readonly nowMs: bigint };

function actionOf(config: z.output<typeof keysSchema>, { action, wanted, nowMs }: Asked): StoreAction {
  const accountIdOf = async (sql: Sql) =>
    config.account === undefined ? undefined : (await findAccount(sql, config.account)).id;
  if (action === 'list') {
    return async (sql) => {
      const keys = await listApiKeys(sql, { nowMs, accountId: await accountIdOf(sql) });
      return { value: keys, text: keys.map(line).join('\n') };
    };
  }
  if (action !== 'add' && action !== 'rotate' && action !== 'revoke')
    throw unknownAction('keys', action, ['add', 'list', 'rotate', 'revoke']);
  const name = typedName(wanted, 'A key needs a name.');
  if (action === 'revoke') {
    return async (sql) => {
      const ended = await revokeApiKeys(sql, { name, nowMs, accountId: await accountIdOf(sql) });
      return { value: { name, ended }, text: `${ended} ended` };
    };
  }
  const key = generateApiKey();
  if (action === 'rotate') {
    const overlapMs = BigInt(Math.round(config.overlapHours * MS_PER_HOUR));
    return async (sql) => {
      await rotateApiKey(sql, { name, nowMs, accountId: await accountIdOf(sql), secret: key, overlapMs });
      return { value: { name, key, oldEndsAtMs: nowMs + overlapMs }, text: key };
    };
  }
  const capDayLamports = typedLamports(config.capDay);
  const capTotalLamports = typedLamports(config.capTotal);
  return async (sql) => {
    await addApiKey(sql, { key, name, nowMs, accountId: await accountIdOf(sql), capDayLamports, capTotalLamports });
    return { value: { name, key }, text: key };
  };
}

function line(key: ApiKeyInfo): string {
  const { revokedAtMs, capDayLamports, capTotalLamports } = key;
  return [
    key.name.padEnd(24),
    key.account.padEnd(16),
    date(key.createdAtMs),
    revokedAtMs === undefined ? 'valid' : `ended ${date(revokedAtMs)}`,
    `spent ${amountText(key.spentTotalLamports)}`,
    ...(capDayLamports === undefined ? [] : [`a day at most ${amountText(capDayLamports)}`]),
    ...(capTotalLamports === undefined ? [] : [`in all at most ${amountText(capTotalLamports)}`]),
  ].join('  ');
}

const date = (ms: bigint): string => new Date(Number(ms)).toISOString();
