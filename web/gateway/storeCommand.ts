import { KarmeshError } from '@karmesh/sdk/errors';
import { nearestName } from '@karmesh/sdk/nearest-name';
import { z } from 'zod';
import { type GatewayConfig, gatewaySchema } from './config.ts';
import type { Sql } from './store/db.ts';
import { openSharedDatabase } from './store/openDatabase.ts';

const { dataDir, databaseUrl, json } = gatewaySchema.shape;

/** The settings of every command that works on the gateway's database. */
export const storeSettings = { dataDir, databaseUrl, json };

/** What a command shows: `value` as JSON, `text` to a person. */
export type Shown = { readonly value: unknown; readonly text: string };

export type StoreAction = (sql: Sql) => Promise<Shown>;

/** Runs an action on the gateway's database. With the embedded one the gateway must not be running; with PostgreSQL it may. */
export async function onStore<T extends Shown>(
  config: Pick<GatewayConfig, 'dataDir' | 'databaseUrl'>,
  action: (sql: Sql) => Promise<T>,
): Promise<T> {
  await using database = await openSharedDatabase({ dataFolder: config.dataDir, databaseUrl: config.databaseUrl });
  return await action(database.sql);
}

/** A usage error that names the action that was most likely meant, and all others. */
export function unknownAction(of: string, action: string | undefined, known: readonly string[]): KarmeshError {
  return new KarmeshError('CONFIG_INVALID', `There is no such action on ${of}.`, {
    action,
    didYouMean: nearestName(action ?? '', known),
    known: known.join(', '),
  });
}

const name = z.string().regex(/^[\w.@-]{1,64}$/, 'must be 1 to 64 letters, digits, or . _ @ -');

/** @throws KarmeshError `CONFIG_INVALID` with `sentence` if there is no name, or none of this shape. */
export function typedName(wanted: string | undefined, sentence: string): string {
  const parsed = name.safeParse(wanted);
  if (parsed.success) return parsed.data;
  throw new KarmeshError('CONFIG_INVALID', sentence, { name: parsed.error.issues[0]?.message });
}
