import { readFile } from 'node:fs/promises';
import { KarmeshError } from '@karmesh/sdk/errors';
import { writeFileAtomic } from '@karmesh/sdk/runtime';
import { addApiKey, generateApiKey } from './store/apiKeys.ts';
import type { Sql } from './store/db.ts';

const shape = /^sk-[\w-]{16,240}$/;

/**
 * Makes the key in a file valid, and the file (mode 0600, with a new key) if it does not exist. The file is written first: a key that
 * nobody can read would stay valid for ever.
 *
 * @throws KarmeshError `CONFIG_INVALID` if the file holds something else.
 */
export async function ensureApiKey(
  sql: Sql,
  options: { readonly path: string; readonly nowMs: bigint },
): Promise<void> {
  const { path } = options;
  let key = await readIfThere(path);
  if (key === undefined) {
    key = generateApiKey();
    await writeFileAtomic({ path, bytes: `${key}\n` });
  }
  if (!shape.test(key))
    throw new KarmeshError('CONFIG_INVALID', 'The API key file does not hold an API key.', { path });
  await addApiKey(sql, { key, name: 'file', nowMs: options.nowMs });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new KarmeshError('CONFIG_INVALID', 'The API key file cannot be read.', { path }, cause);
  }
}
