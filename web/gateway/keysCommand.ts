import { KarmeshError } from '@karmesh/sdk/errors';
import { nearestName } from '@karmesh/sdk/nearest-name';
import { command, output } from '@karmesh/sdk/runtime';
import { z } from 'zod';
import { gatewaySchema } from './config.ts';
import { type ApiKeyInfo, addApiKey, generateApiKey, listApiKeys, revokeApiKeys } from './store/apiKeys.ts';
import { type Db, openDatabase } from './store/openDatabase.ts';

const { dataDir, databaseUrl, json } = gatewaySchema.shape;
const keysSchema = z.object({ dataDir, databaseUrl, json });
const name = z.string().regex(/^[\w.@-]{1,64}$/, 'must be 1 to 64 letters, digits, or . _ @ -');

/**
 * `karmesh-gateway keys add NAME | list | revoke NAME`. With the embedded database the gateway must not be running; with PostgreSQL it may.
 * Throws `CONFIG_INVALID`, `STORE_LOCKED`, `STORE_FAILED`.
 */
export const keysCommand = command({
  program: 'karmesh gateway keys',
  summary: 'Makes, lists and ends API keys.',
  section: 'gateway',
  schema: keysSchema,
  positionals: [
    { name: 'action', description: 'add, list or revoke' },
    { name: 'name', description: 'whose key it is', optional: true },
  ],
  async run({ config, positionals }) {
    const act = actionOf(positionals);
    await using database = await openDatabase({
      dataFolder: config.dataDir,
      databaseUrl: config.databaseUrl,
      sharing: true,
    });
    const result = await act(database.db);
    output({ json: config.json })().data(result.value, () => result.text);
    return 0;
  },
});

const ACTIONS = ['add', 'list', 'revoke'];

type Action = (db: Db) => Promise<{ readonly value: unknown; readonly text: string }>;

function actionOf([action, wanted]: readonly string[]): Action {
  if (action === 'list') {
    return async (db) => {
      const keys = await listApiKeys(db);
      return { value: keys, text: keys.map(line).join('\n') };
    };
  }
  if (action !== 'add' && action !== 'revoke') {
    throw new KarmeshError('CONFIG_INVALID', 'There is no such action on keys.', {
      action,
      didYouMean: nearestName(action ?? '', ACTIONS),
      known: ACTIONS.join(', '),
    });
  }
  const parsed = name.safeParse(wanted);
  if (!parsed.success)
    throw new KarmeshError('CONFIG_INVALID', 'A key needs a name.', { name: parsed.error.issues[0]?.message });
  if (action === 'add') {
    return async (db) => {
      const key = generateApiKey();
      await addApiKey(db, { key, name: parsed.data, nowMs: BigInt(Date.now()) });
      return { value: { name: parsed.data, key }, text: key };
    };
  }
  return async (db) => {
    const ended = await revokeApiKeys(db, { name: parsed.data, nowMs: BigInt(Date.now()) });
    return { value: { name: parsed.data, ended }, text: `${ended} ended` };
  };
}

function line({ name: owner, createdAtMs, revokedAtMs }: ApiKeyInfo): string {
  const created = new Date(Number(createdAtMs)).toISOString();
  return `${owner.padEnd(24)} ${created}  ${revokedAtMs === undefined ? 'valid' : `ended ${new Date(Number(revokedAtMs)).toISOString()}`}`;
}
