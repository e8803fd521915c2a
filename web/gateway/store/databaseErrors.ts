import { KarmeshError } from '@karmesh/sdk/errors';

/** PostgreSQL's classes of errors (its manual, appendix A) that say that the server, and not the statement, is at fault. */
const GONE = /^(08...|57P0[123]|57014|53300|40001|40P01|55P03)$/;
/** What the operating system and the driver say of a connection that is not there. */
const DISCONNECTED = /^(ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)$/;
const DRIVER =
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error)/;
/** What `own_gateway` raises. */
const PLACE_TAKEN = 'KM001';

/**
 * Names what a PostgreSQL server or its connection failed with, where a caller can do something about it: `STORE_UNREACHABLE` for what may
 * succeed a moment later, `STORE_LOCKED` once another process has the gateway's place. Anything else comes back as it is.
 */
export function databaseError(cause: unknown): unknown {
  const code = codeOf(cause);
  if (code === PLACE_TAKEN)
    return new KarmeshError('STORE_LOCKED', 'Another process of this gateway has taken its place.', {}, cause);
  const message = cause instanceof Error ? cause.message : '';
  if (code === undefined ? DRIVER.test(message) : GONE.test(code) || DISCONNECTED.test(code)) {
    // The driver's own message may quote the URL with its password, so only the kind of failure is shown.
    return new KarmeshError('STORE_UNREACHABLE', 'The database does not answer.', { code }, cause);
  }
  return cause;
}

/** Another process has the gateway's place; nothing of this one is stored any more. */
export const isLocked = (cause: unknown): boolean => codeOf(cause) === 'STORE_LOCKED' || codeOf(cause) === PLACE_TAKEN;

/** The server is away, and nobody knows whether what was asked of it was done. */
export const isUnreachable = (cause: unknown): boolean => codeOf(cause) === 'STORE_UNREACHABLE';

/** Values that the tables refuse (classes 22 and 23, and what our triggers raise): no repetition helps. */
export const isRowFault = (cause: unknown): boolean => /^(22|23)[0-9A-Z]{3}$|^KM003$/.test(codeOf(cause) ?? '');

export function codeOf(cause: unknown): string | undefined {
  return typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : undefined;
}
