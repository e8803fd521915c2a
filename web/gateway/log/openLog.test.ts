import { systemClock } from '@karmesh/sdk/clock';
import { answerOnce, createHost } from '@karmesh/sdk/network';
import {
  accountTag,
  checkCheckpoint,
  checkCosignature,
  cosign,
  cosignerName,
  decode,
  EMPTY_ROOT,
  encode,
  firstBreak,
  formatNote,
  formatOrigin,
  fromHex,
  type Hash,
  hash,
  LOG_PROTOCOL,
  logAnswerCodec,
  logAskCodec,
  logLeafHash,
  logRoot,
  logTree,
  MAX_LOG_FRAME_BYTES,
  readCheckpoint,
  replayLog,
  toHex,
  u64le,
  verifyConsistency,
  verifyInclusion,
} from '@karmesh/sdk/protocol';
import { generateKeypair, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { Hono } from 'hono';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { toApiError } from '../openai/apiError.ts';
import type { Db } from '../store/db.ts';
import { openTestDatabase } from '../store/fixtures/testDatabase.ts';
import { raiseFence } from '../store/openDatabase.ts';
import { type GatewayLog, openLog } from './openLog.ts';

const domain = new Uint8Array(32).fill(7);
const keypair = generateKeypair();
const origin = formatOrigin({ domain, gateway: new Uint8Array(32).fill(2) });
const errors: string[] = [];
const quiet = {
  debug: () => {},
  error: (_: unknown, sentence?: string) => {
    errors.push(sentence ?? '');
  },
};
const nobody = { openStream: () => Promise.reject(new Error('Nobody is asked.')) };

const open = (db: Db, parts: Partial<Parameters<typeof openLog>[1]> = {}): Promise<GatewayLog> =>
  openLog(
    { capacity: 2 },
    {
      db,
      domain,
      signer: keypair,
      host: nobody,
      cosigners: () => [],
      verify: nativeVerifySignature,
      clock: systemClock,
      log: quiet,
      ...parts,
    },
  );

const ticketHash = (number: bigint): Hash => hash(u64le(number));
const enter = (log: GatewayLog, number: bigint): void =>
  log.append({
    kind: 'enter',
    ticketHash: ticketHash(number),
    ticketNumber: number,
    lane: 5,
    accountTag: log.tagOf(new Uint8Array([1])),
    atMs: BigInt(Date.now()),
  });
const start = (log: GatewayLog, number: bigint): void =>
  log.append({ kind: 'start', ticketHash: ticketHash(number), ticketNumber: number, atMs: BigInt(Date.now()) });
const leave = (log: GatewayLog, number: bigint): void =>
  log.append({ kind: 'leave', ticketNumber: number, reason: 'finished', atMs: BigInt(Date.now()) });

/** The routes as the app has them. */
const appOf = (log: GatewayLog) =>
  new Hono().route('/', log.routes).onError((cause, context) => {
    const error = toApiError(cause);
    return context.json(error.body, error.status as 400);
  });
const json = async (app: Hono, path: string): Promise<unknown> => (await app.request(path)).json();

/** The newest checkpoint, once it has at least this size. */
async function checkpointOf(app: Hono, size: number, signal: AbortSignal) {
  for (;;) {
    signal.throwIfAborted();
    const response = await app.request('/v1/log/checkpoint');
    const read = response.status === 200 ? readCheckpoint(await response.text()) : undefined;
    const found = read === undefined ? undefined : checkCheckpoint(read.note, { origin, identity: keypair.publicKey });
    if (read !== undefined && found !== undefined && found.size >= size) return { ...found, note: read.note };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('G-30: who reads the log over HTTP recomputes it from its signed checkpoint, and can follow every ticket', async () => {
  const signal = AbortSignal.timeout(60_000);
  await using database = await openTestDatabase();
  await using log = await open(database.db);
  const app = appOf(log);
  expect(log.lastTicketNumber).toBe(0n);
  for (let number = 1n; number <= 1_500n; number++) {
    enter(log, number);
    start(log, number);
    leave(log, number);
  }
  await log.flushed();
  const { size, root } = await checkpointOf(app, 4_501, signal);
  expect(size).toBe(4_501);
  const leaves: Uint8Array[] = [];
  while (leaves.length < size) {
    const page = await json(app, `/v1/log/entries?start=${leaves.length}&end=${size}`);
    const { entries } = page as { readonly entries: readonly string[] };
    leaves.push(...entries.map(fromHex));
    expect(entries.length).toBeLessThanOrEqual(1_024);
  }
  expect(firstBreak(leaves)).toBeUndefined();
  const hashes = leaves.map(logLeafHash);
  expect(logRoot(hashes)).toEqual(root);

  expect(await json(app, `/v1/log/tickets/${toHex(ticketHash(700n))}`)).toEqual({ index: 2_098, opened: 0 });
  const { path } = (await json(app, `/v1/log/proof/inclusion?index=2098&size=${size}`)) as { path: readonly string[] };
  const leafHash = hashes[2_098] ?? EMPTY_ROOT;
  expect(verifyInclusion({ index: 2_098, size, leafHash, path: path.map(fromHex), root })).toBe(true);
  const shown = (await json(app, `/v1/log/proof/consistency?old=1000&size=${size}`)) as { path: readonly string[] };
  const oldRoot = logRoot(hashes.slice(0, 1_000));
  expect(verifyConsistency({ oldSize: 1_000, oldRoot, size, root, path: shown.path.map(fromHex) })).toBe(true);
  // The path of the first leaf behind a size is what a tree of this size goes on from.
  const peaks = (await json(app, '/v1/log/proof/inclusion?index=1000&size=1001')) as { path: readonly string[] };
  expect(logTree({ size: 1_000, peaks: peaks.path.map(fromHex).reverse() }).root()).toEqual(oldRoot);
});

test('G-30: what the log does not have is refused', async () => {
  await using database = await openTestDatabase();
  await using log = await open(database.db);
  const app = appOf(log);
  enter(log, 1n);
  await log.flushed();
  const paths = [
    '/v1/log/entries?start=0&end=3',
    '/v1/log/entries?start=1&end=1',
    '/v1/log/entries?start=0',
    '/v1/log/entries?start=0x1&end=2',
    '/v1/log/entries?start=-1&end=2',
    '/v1/log/entries?start=0&end=9999999999999999',
    '/v1/log/proof/inclusion?index=2&size=2',
    '/v1/log/proof/inclusion?index=0&size=3',
    '/v1/log/proof/inclusion?size=2',
    '/v1/log/proof/consistency?old=2&size=1',
    '/v1/log/proof/consistency?old=0&size=3',
    '/v1/log/tickets/00',
    `/v1/log/tickets/${'00'.repeat(32)}`,
  ];
  const answers = await Promise.all(
    paths.map(async (path) => {
      const response = await app.request(path);
      const { error } = (await response.json()) as { error: { message: string; param: string | null } };
      return [path.slice(8), response.status, error.message, error.param];
    }),
  );
  expect(answers).toMatchInlineSnapshot(`
    [
      [
        "entries?start=0&end=3",
        400,
        "The log has the entries from 0 to 1; start must be below end.",
        "end",
      ],
      [
        "entries?start=1&end=1",
        400,
        "The log has the entries from 0 to 1; start must be below end.",
        "end",
      ],
      [
        "entries?start=0",
        400,
        "Sizes and indices are decimal numbers.",
        "end",
      ],
      [
        "entries?start=0x1&end=2",
        400,
        "Sizes and indices are decimal numbers.",
        "start",
      ],
      [
        "entries?start=-1&end=2",
        400,
        "Sizes and indices are decimal numbers.",
        "start",
      ],
      [
        "entries?start=0&end=9999999999999999",
        400,
        "Sizes and indices are decimal numbers.",
        "end",
      ],
      [
        "proof/inclusion?index=2&size=2",
        400,
        "A leaf of the tree has an index below its size.",
        "index",
      ],
      [
        "proof/inclusion?index=0&size=3",
        400,
        "The log has 2 entries.",
        "size",
      ],
      [
        "proof/inclusion?size=2",
        400,
        "Sizes and indices are decimal numbers.",
        "index",
      ],
      [
        "proof/consistency?old=2&size=1",
        400,
        "The older size is not above the other one.",
        "old",
      ],
      [
        "proof/consistency?old=0&size=3",
        400,
        "The log has 2 entries.",
        "size",
      ],
      [
        "tickets/00",
        400,
        "A ticket’s hash is 64 hexadecimal digits.",
        "hash",
      ],
      [
        "tickets/0000000000000000000000000000000000000000000000000000000000000000",
        404,
        "No ticket with this hash has entered this log.",
        null,
      ],
    ]
  `);
});

test('who reads the log takes few connections, whatever the crowd, and full pages are read once', async () => {
  await using database = await openTestDatabase();
  await using log = await open(database.db);
  for (let number = 1n; number <= 1_100n; number++) enter(log, number);
  await log.flushed();
  const app = appOf(log);
  const page = await app.request('/v1/log/entries?start=1&end=1101');
  expect(page.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  const before = await page.json();
  expect(before).toMatchObject({ start: 1, end: 1_025 });
  const crowd = await Promise.all(
    Array.from({ length: 100 }, (_, i) => app.request(`/v1/log/entries?start=${i}&end=${i + 1}`)),
  );
  const turnedAway = crowd.filter(({ status }) => status === 503);
  expect([turnedAway.length, crowd.filter(({ status }) => status === 200).length]).toEqual([34, 66]);
  expect(await turnedAway[0]?.json()).toMatchObject({ error: { code: 'log_busy' } });
  // The page is in memory, and needs no turn.
  await sql`drop table log_events cascade`.execute(database.sql);
  expect(await json(app, '/v1/log/entries?start=1&end=1101')).toEqual(before);
  expect((await app.request('/v1/log/entries?start=2&end=1101')).status).toBe(500);
});

test('G-12: the next process goes on from what is on disk, and the whole log holds over its openings', async () => {
  const signal = AbortSignal.timeout(60_000);
  await using database = await openTestDatabase();
  const { db } = database;
  const blinds: string[] = [];
  let before = { size: 0, root: EMPTY_ROOT };
  for (const life of [0n, 1n, 2n]) {
    await using log = await open(db);
    const app = appOf(log);
    expect(log.lastTicketNumber).toBe(life);
    blinds.push(toHex(log.blindOf(new Uint8Array([1]))));
    enter(log, life + 1n);
    start(log, life + 1n);
    await log.flushed();
    const { size, root } = await checkpointOf(app, Number(life + 1n) * 3, signal);
    expect(size).toBe(Number(life + 1n) * 3);
    const { path } = (await json(app, `/v1/log/proof/consistency?old=${before.size}&size=${size}`)) as {
      path: string[];
    };
    const claim = { oldSize: before.size, oldRoot: before.root, size, root, path: path.map(fromHex) };
    expect(verifyConsistency(claim)).toBe(true);
    before = { size, root };
    const found = await json(app, `/v1/log/tickets/${toHex(ticketHash(life + 1n))}`);
    expect(found).toEqual({ index: size - 2, opened: size - 3 });
  }
  // G-11: nobody links a buyer's lives but the buyer.
  expect(new Set(blinds).size).toBe(3);
  await using log = await open(db);
  const { entries } = (await json(appOf(log), '/v1/log/entries?start=0&end=10')) as { entries: readonly string[] };
  expect(firstBreak(entries.map(fromHex))).toBeUndefined();
  const replay = replayLog();
  const tags = entries.flatMap((leaf) => {
    const { event } = replay.apply(fromHex(leaf));
    return event?.kind === 'enter' ? [toHex(event.accountTag)] : [];
  });
  expect(tags).toEqual(blinds.map((blind) => toHex(accountTag(new Uint8Array([1]), fromHex(blind)))));
});

test('two gateways have a log each in one database', async () => {
  await using database = await openTestDatabase();
  await using first = await open(database.db);
  const gateway = new Uint8Array(32).fill(3);
  await database.sql.insertInto('gateways').values({ participant: gateway, domain, fence: 0n }).execute();
  await using second = await open({ ...database.db, gateway, fence: 0n });
  for (const log of [first, second]) enter(log, 1n);
  await Promise.all([first.flushed(), second.flushed()]);
  for (const log of [first, second])
    expect(await json(appOf(log), `/v1/log/tickets/${toHex(ticketHash(1n))}`)).toEqual({ index: 1, opened: 0 });
});

test('a second process on the same log is noticed, and what it wrote is not overwritten', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await using first = await open(db);
  const fence = await raiseFence(database.sql, db.gateway);
  // The old process writes between what the new one reads and what it writes.
  enter(first, 1n);
  await using second = await open({ ...db, fence });
  await expect(first.flushed()).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  expect(first.lost.aborted).toBe(true);
  expect(() => first.admit()).toThrow(expect.objectContaining({ code: 'STORE_LOCKED' }));
  first.append({ kind: 'leave', ticketNumber: 1n, reason: 'cancelled', atMs: 1n });
  await expect(first.flushed()).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  expect(errors).toContain('The log of this gateway belongs to another process.');
  enter(second, 1n);
  await second.flushed();
  const { entries } = (await json(appOf(second), '/v1/log/entries?start=0&end=3')) as { entries: readonly string[] };
  expect(entries.map((leaf) => leaf.slice(0, 2))).toEqual(['01', '01', '02']);
  await expect(open(db)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
});

test('G-20: the served checkpoint has the cosignatures of those who could be asked, each from where it stood', async () => {
  const signal = AbortSignal.timeout(60_000);
  await using database = await openTestDatabase();
  const validators = [generateKeypair(), generateKeypair(), generateKeypair()];
  await using host = await createHost({ keypair, domain, localnet: true });
  const asked: { readonly oldSize: bigint; readonly path: number }[] = [];
  const keys = validators.map(({ publicKey }, i) => ({
    name: cosignerName(new Uint8Array(32).fill(10 + i)),
    identity: publicKey,
  }));
  await using stack = new AsyncDisposableStack();
  const [honest, forger] = keys;
  // The third validator is not there.
  for (const [i, key] of [honest, forger].entries()) {
    const signer = validators[i];
    if (key === undefined || signer === undefined) throw new Error('There are three validators.');
    const peer = stack.use(await createHost({ keypair: signer, domain, localnet: true }));
    let size = 0n;
    await answerOnce(peer, {
      protocol: LOG_PROTOCOL,
      maxStreams: 8,
      maxFrameBytes: MAX_LOG_FRAME_BYTES,
      answer(bytes) {
        const { oldSize, path, checkpoint } = decode(logAskCodec, bytes);
        if (i === 0) asked.push({ oldSize, path: path.length });
        if (i === 0 && size === 0n) {
          // It has seen the first two leaves already, from a gateway that then crashed.
          size = 2n;
          return encode(logAnswerCodec, { status: 'behind', size, checkpoints: [] });
        }
        const note = readCheckpoint(checkpoint)?.note ?? { text: '', signatures: [] };
        const own = cosign(i === 0 ? signer : keypair, { name: key.name, text: note.text, seconds: 5n });
        const text = formatNote({ ...note, signatures: [...note.signatures, own] });
        return encode(logAnswerCodec, { status: 'cosigned', size: 3n, checkpoints: [text] });
      },
    });
    await host.connect(peer.addresses(), { signal });
  }
  await using before = await open(database.db);
  enter(before, 1n);
  await before[Symbol.asyncDispose]();
  await using log = await open(database.db, { host, cosigners: () => keys });
  const { note, size } = await checkpointOf(appOf(log), 3, signal);
  expect([size, asked]).toEqual([
    3,
    [
      { oldSize: 0n, path: 0 },
      { oldSize: 2n, path: 1 },
    ],
  ]);
  expect(keys.map((key) => checkCosignature(note, key))).toEqual([5n, undefined, undefined]);
  expect(note.signatures).toHaveLength(2);
});
