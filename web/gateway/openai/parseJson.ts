import type { z } from 'zod';
import { ApiError, invalidRequest } from './apiError.ts';

/** No request needs more, and what walks a value may then do so by recursion. */
export const MAX_DEPTH = 64;
/** Far more than the longest conversation with the most tools has; each one that is wrong costs as much as the rest of a short request. */
const MAX_VALUES = 50_000;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON value that bytes hold.
 *
 * @throws ApiError 400 for what is not JSON in UTF-8, has more than 50,000 values, or is nested deeper than 64 levels.
 */
export function parseJson(bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    const message = 'We could not parse the JSON body of your request.';
    throw new ApiError({ status: 400, type: 'invalid_request_error', code: null, message }, cause);
  }
  if (hasMore(value, MAX_VALUES)) {
    throw invalidRequest(`The body of the request has more than ${MAX_VALUES} values.`, null);
  }
  if (isDeeper(value, MAX_DEPTH)) {
    throw invalidRequest(`The body of the request is nested deeper than ${MAX_DEPTH} levels.`, null);
  }
  return value;
}

/**
 * The JSON value that bytes hold, in the form of a schema.
 *
 * @throws ApiError 400 that names the first field which is not.
 */
export function parseBody<T extends z.ZodType>(schema: T, bytes: Uint8Array): z.output<T> {
  const parsed = schema.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidRequest(issue?.message ?? 'The body has another form.', issue?.path.join('.') || null);
}

/** Whether a value has more than `max` in it, itself among them; beyond these it looks at none. */
function hasMore(value: unknown, max: number): boolean {
  const found = [value];
  for (const each of found) {
    if (typeof each !== 'object' || each === null) continue;
    const children = Object.values(each);
    if (found.length + children.length > max) return true;
    for (const child of children) found.push(child);
  }
  return false;
}

/** Level by level, since a body of brackets alone would end any recursion. */
export function isDeeper(value: unknown, max: number): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > max) return true;
    const next: unknown[] = [];
    for (const each of level) {
      if (typeof each !== 'object' || each === null) continue;
      for (const child of Object.values(each)) if (typeof child === 'object' && child !== null) next.push(child);
    }
    level = next;
  }
  return false;
}
