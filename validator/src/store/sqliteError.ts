import { KarmeshError } from '@karmesh/sdk/errors';

/** SQLite's result codes (https://sqlite.org/rescode.html); the lowest byte of an extended one. */
const FULL = 13;
const IO_ERROR = 10;
const IO_ERROR_FSYNC = [1034, 1290];

/** Names a failed operation on a database: `DISK_FULL` where the operator must make room, `STORE_FAILED` for the rest. */
export function sqliteError(path: string, cause: unknown): KarmeshError {
  if (cause instanceof KarmeshError) return cause;
  const code = codeOf(cause);
  if (code !== undefined && (code & 0xff) === FULL) {
    return new KarmeshError('DISK_FULL', 'The disk is full; nothing was changed.', { path }, cause);
  }
  const sentence =
    code !== undefined && (code & 0xff) !== IO_ERROR
      ? 'A database of the data folder is damaged or no database of Karmesh; restore it from a copy.'
      : 'A file could not be read or written.';
  return new KarmeshError('STORE_FAILED', sentence, { path, sqlite: code }, cause);
}

/** After a failed fsync the kernel may have dropped the pages and call the next one a success. */
export function isFailedSync(cause: unknown): boolean {
  const code = codeOf(cause);
  return code !== undefined && IO_ERROR_FSYNC.includes(code);
}

function codeOf(cause: unknown): number | undefined {
  if (typeof cause !== 'object' || cause === null || !('errcode' in cause)) return undefined;
  return typeof cause.errcode === 'number' ? cause.errcode : undefined;
}
