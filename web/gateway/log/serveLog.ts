import { consistencyPlan, fromHex, inclusionPlan, type PathPlan, toHex } from '@karmesh/sdk/protocol';
import { Hono } from 'hono';
import { z } from 'zod';
import { ApiError, invalidRequest } from '../openai/apiError.ts';
import type { LogAppender } from './appendEvents.ts';
import { fewAtOnce } from './fewAtOnce.ts';
import { findEntrance, readLeaves, readPath, type StoredLog } from './logStore.ts';
import type { Checkpoints } from './signCheckpoints.ts';

export type LogRouteParts = StoredLog & {
  readonly appender: Pick<LogAppender, 'tip'>;
  readonly checkpoints: Pick<Checkpoints, 'newest'>;
};

/** Leaves in one answer. */
const MAX_ENTRIES = 1_024;
/** Of all who read the log; everything else of the gateway has the other connections to the database. */
const READERS = { maxRunning: 2, maxWaiting: 64 };
/** Pages of `MAX_ENTRIES` leaves that are held in memory, a quarter of a megabyte each. */
const MAX_PAGES = 32;
/** Who has had an answer need not ask again: what is in the log stays as it is. */
const FOR_EVER = 'public, max-age=31536000, immutable';

const count = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,14})$/)
  .transform(Number);
const entriesQuery = z.object({ start: count, end: count });
const inclusionQuery = z.object({ index: count, size: count });
const consistencyQuery = z.object({ old: count, size: count });

/**
 * The log, for everybody (G-30): `GET /v1/log/checkpoint` is the newest with its cosignatures, as text; `/v1/log/entries?start&end` leaves in
 * hexadecimal, at most 1,024; `/v1/log/proof/inclusion?index&size` and `/v1/log/proof/consistency?old&size` what RFC 6962 calls proofs;
 * `/v1/log/tickets/:hash` where a ticket entered. Who reads it recomputes all of it from a checkpoint.
 */
export const logRoutes = (parts: LogRouteParts) => {
  const run = fewAtOnce(READERS);
  const inTurn = async <T extends object>(work: () => Promise<T>): Promise<T> => {
    const result = await run(work);
    if (result === undefined) throw busy();
    return result;
  };
  /** Full pages by their first leaf, the one asked for last at the end. */
  const pages = new Map<number, readonly string[]>();

  const readPage = async (start: number, end: number): Promise<readonly string[]> => {
    const known = end - start === MAX_ENTRIES ? pages.get(start) : undefined;
    const page = known ?? (await inTurn(() => readLeaves(parts, { start, end }))).map(toHex);
    if (page.length < MAX_ENTRIES) return page;
    pages.delete(start);
    pages.set(start, page);
    const [oldest] = pages.keys();
    if (pages.size > MAX_PAGES && oldest !== undefined) pages.delete(oldest);
    return page;
  };

  const pathOf = async (size: number, plan: () => PathPlan): Promise<readonly string[]> => {
    const has = parts.appender.tip().size;
    if (size > has) throw invalidRequest(`The log has ${has} entries.`, 'size');
    return (await inTurn(() => readPath(parts, plan()))).map(toHex);
  };

  return new Hono()
    .get('/v1/log/checkpoint', (context) => {
      const newest = parts.checkpoints.newest();
      if (newest === undefined) throw notFound('There is no checkpoint of this log yet.');
      return context.text(newest.note);
    })
    .get('/v1/log/entries', async (context) => {
      const { start, end } = read(entriesQuery, context.req.query());
      const { size } = parts.appender.tip();
      if (start >= end || end > size)
        throw invalidRequest(`The log has the entries from 0 to ${size - 1}; start must be below end.`, 'end');
      const bounded = Math.min(end, start + MAX_ENTRIES);
      const entries = await readPage(start, bounded);
      context.header('cache-control', FOR_EVER);
      return context.json({ start, end: bounded, entries });
    })
    .get('/v1/log/proof/inclusion', async (context) => {
      const { index, size } = read(inclusionQuery, context.req.query());
      if (index >= size) throw invalidRequest('A leaf of the tree has an index below its size.', 'index');
      const path = await pathOf(size, () => inclusionPlan(index, size));
      context.header('cache-control', FOR_EVER);
      return context.json({ index, size, path });
    })
    .get('/v1/log/proof/consistency', async (context) => {
      const { old, size } = read(consistencyQuery, context.req.query());
      if (old > size) throw invalidRequest('The older size is not above the other one.', 'old');
      const path = await pathOf(size, () => consistencyPlan(old, size));
      context.header('cache-control', FOR_EVER);
      return context.json({ old, size, path });
    })
    .get('/v1/log/tickets/:hash', async (context) => {
      const hash = context.req.param('hash');
      if (!/^[0-9a-f]{64}$/.test(hash)) throw invalidRequest('A ticket’s hash is 64 hexadecimal digits.', 'hash');
      const { found } = await inTurn(async () => ({ found: await findEntrance(parts, fromHex(hash)) }));
      if (found === undefined) throw notFound('No ticket with this hash has entered this log.');
      return context.json(found);
    });
};

function read<T>(schema: z.ZodType<T>, query: unknown): T {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  const [name] = parsed.error.issues[0]?.path ?? [];
  throw invalidRequest('Sizes and indices are decimal numbers.', name === undefined ? null : String(name));
}

function notFound(message: string): ApiError {
  return new ApiError({ status: 404, type: 'invalid_request_error', code: 'not_in_log', message });
}

function busy(): ApiError {
  return new ApiError({
    status: 503,
    type: 'server_error',
    code: 'log_busy',
    message: 'Too many read the log just now. Try again in a moment.',
    headers: { 'retry-after': '1' },
  });
}
