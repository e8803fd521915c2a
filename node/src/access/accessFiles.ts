import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { errnoOf, storeError, writeFileAtomic } from '@karmesh/sdk/runtime';
import { z } from 'zod';

/** A participant's account in base58, as files and operators write it. */
export type ParticipantName = string & { readonly brand: 'ParticipantName' };

export const participantName = z
  .string()
  .regex(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/)
  .transform((text) => text as ParticipantName);

/** The last moment that a `Date` can show. */
const LAST_DATE_MS = 8.64e15;
const askedSchema = z.strictObject({ participant: participantName, atMs: z.int().min(0).max(LAST_DATE_MS) });
export type AskedAccess = z.output<typeof askedSchema>;

/** Gateways in each of the two lists at most. */
export const MAX_LISTED = 1_024;
const MAX_FILE_BYTES = 2 ** 18;
const grantedList = z.array(participantName).max(MAX_LISTED);
const askedList = z.array(askedSchema).max(MAX_LISTED);

/**
 * Who may have work of a worker, in `access/` of its folder, files of mode 0600: `granted.json` is written by its operator's commands alone,
 * `asked.json` by the worker alone, so that neither overwrites the other. Each throws `STORE_FAILED` for a damaged file, and `DISK_FULL`.
 */
export interface AccessFiles {
  granted(): Promise<readonly ParticipantName[]>;
  asked(): Promise<readonly AskedAccess[]>;
  writeGranted(participants: readonly ParticipantName[]): Promise<void>;
  writeAsked(asked: readonly AskedAccess[]): Promise<void>;
  /** Another text whenever the granted list was written since. */
  grantedStamp(): Promise<string>;
}

export function accessFiles(dataDir: string): AccessFiles {
  const folder = join(dataDir, 'access');
  const grantedPath = join(folder, 'granted.json');
  const askedPath = join(folder, 'asked.json');

  const write = async (path: string, list: readonly unknown[]): Promise<void> => {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw storeError(folder, cause);
    }
    await writeFileAtomic({ path, bytes: `${JSON.stringify(list, undefined, 1)}\n` });
  };

  return {
    granted: () => readList(grantedPath, grantedList),
    asked: () => readList(askedPath, askedList),
    writeGranted: (participants) => write(grantedPath, participants),
    writeAsked: (asked) => write(askedPath, asked),
    async grantedStamp() {
      const { ino, size, mtimeMs } = await stat(grantedPath).catch(() => ({ ino: 0, size: 0, mtimeMs: 0 }));
      return `${ino} ${size} ${mtimeMs}`;
    },
  };
}

/** A list that was never written is empty. */
async function readList<T>(path: string, schema: z.ZodType<readonly T[]>): Promise<readonly T[]> {
  let text: string;
  try {
    const { size } = await stat(path);
    text = size > MAX_FILE_BYTES ? '' : await readFile(path, 'utf8');
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return [];
    throw storeError(path, cause);
  }
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new KarmeshError('STORE_FAILED', 'An access list is damaged; restore it, or remove it and grant anew.', {
    path,
    fault: issue?.message,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
