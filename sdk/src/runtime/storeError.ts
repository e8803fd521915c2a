import { KarmeshError } from '../errors.ts';

const fullDisk: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The `errno` name of a system error, or undefined for any other value. */
export function errnoOf(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}

/** Names a failed file operation: `DISK_FULL` where the operator must make room, `STORE_FAILED` for the rest. */
export function storeError(path: string, cause: unknown): KarmeshError {
  if (cause instanceof KarmeshError) return cause;
  const errno = errnoOf(cause);
  if (errno !== undefined && fullDisk.has(errno)) {
    return new KarmeshError('DISK_FULL', 'The disk is full; nothing was changed.', { path, errno }, cause);
  }
  return new KarmeshError('STORE_FAILED', 'A file could not be read or written.', { path, errno }, cause);
}
