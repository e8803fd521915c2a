import {
  changeKey,
  createKey,
  type GatewaySession,
  listKeys,
  listMovements,
  logIn,
  logOut,
  readAccount,
  revokeKey,
  rotateKey,
} from '@karmesh/sdk/client';
import { systemClock } from '@karmesh/sdk/clock';
import { toBase58 } from '@karmesh/sdk/program';
import { generateKeypair, logger } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen } from '../../web/gateway/app.ts';
import { accountApp, NOON_MS } from '../../web/gateway/fixtures/accountApp.ts';
import { grant } from '../../web/gateway/payments/fixtures/fundedKey.ts';
import { openPurse } from '../../web/gateway/payments/purse.ts';
import { findApiKey } from '../../web/gateway/store/apiKeys.ts';
import { openTestDatabase, type TestDatabase } from '../../web/gateway/store/fixtures/testDatabase.ts';

// The SDK's log-in and keys over HTTP, against the gateway's routes and tables.

const owned = new AsyncDisposableStack();
let database: TestDatabase;
let url: string;

beforeAll(async () => {
  database = owned.use(await openTestDatabase());
  const { app } = await accountApp(database.sql, { publicUrl: undefined });
  ({ url } = owned.use(await listen({ app, host: '127.0.0.1', port: 0 })));
}, 120_000);
afterAll(() => owned.disposeAsync());

const logInAs = (keypair = generateKeypair(), gatewayUrl = url): Promise<GatewaySession> =>
  logIn({ gatewayUrl, wallet: toBase58(keypair.publicKey), signMessage: (message) => keypair.sign(message) });

test('logs a wallet in, makes a key that opens the API, and logs out', async () => {
  const wallet = generateKeypair();
  const session = await logInAs(wallet);
  const address = toBase58(wallet.publicKey);
  expect(session).toEqual({
    url,
    token: expect.stringMatching(/^karmesh-session-/),
    expiresAtMs: NOON_MS + 43_200_000,
    wallet: address,
    account: `wallet:${address}`,
  });
  const { secret, ...key } = await createKey(session, { name: 'mine', capDayLamports: 5n });
  expect(key).toEqual({
    id: expect.stringMatching(/^key_/),
    name: 'mine',
    capDayLamports: 5n,
    capTotalLamports: undefined,
    spentDayLamports: 0n,
    spentTotalLamports: 0n,
    createdAtMs: NOON_MS,
    rotatedAtMs: undefined,
    revokedAtMs: undefined,
  });
  const models = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${secret}` } });
  expect(models.status).toBe(200);
  expect(await listKeys(session)).toEqual([key]);
  await logOut(session);
  await expect(listKeys(session)).rejects.toMatchObject({
    code: 'GATEWAY_REFUSED',
    facts: { status: 401, code: 'invalid_session' },
  });
});

test('changes, rotates and ends keys', async () => {
  const session = await logInAs();
  const { id, secret } = await createKey(session, { name: 'one', capTotalLamports: 2n ** 63n - 1n });
  expect(await changeKey(session, { id, name: 'two', capDayLamports: 7n })).toMatchObject({
    name: 'two',
    capDayLamports: 7n,
    capTotalLamports: 2n ** 63n - 1n,
  });
  expect((await changeKey(session, { id, capTotalLamports: null })).capTotalLamports).toBeUndefined();
  const rotated = await rotateKey(session, { id, graceMs: 0 });
  expect([rotated.id, rotated.rotatedAtMs]).toEqual([id, NOON_MS]);
  expect(rotated.secret).not.toBe(secret);
  await revokeKey(session, { id });
  expect(await listKeys(session)).toMatchObject([{ id, name: 'two', revokedAtMs: NOON_MS }]);
  await expect(revokeKey(session, { id })).rejects.toMatchObject({
    code: 'GATEWAY_REFUSED',
    facts: { status: 404, code: 'key_not_found' },
  });
});

test('tells an account’s credit, what is held for requests under way, and what moved it', async () => {
  const wallet = generateKeypair();
  const session = await logInAs(wallet);
  const address = toBase58(wallet.publicKey);
  const { secret } = await createKey(session, { name: 'one', capDayLamports: 800n });
  await createKey(session, { name: 'two' });
  expect(await listMovements(session)).toEqual({ movements: [], hasMore: false });
  const nowMs = BigInt(NOON_MS);
  const key = await findApiKey(database.sql, { key: secret, nowMs });
  if (key === undefined) throw new Error('There is no such key.');
  for (const lamports of [700n, 300n])
    await grant(database.sql, { accountId: key.accountId, lamports, reference: `${lamports} for ${address}` });

  await using purse = await openPurse(
    { blockLamports: 100n, idleMs: 60_000 },
    { db: database.db, clock: systemClock, log: logger({ name: 'test', level: 'silent' })() },
  );
  const hold = await purse.reserve({ key, least: 10n, most: 250n });
  const one = { name: 'one', capDayLamports: 800n, capTotalLamports: undefined, spentDayLamports: 0n };
  const held = { ...one, spentTotalLamports: 0n, heldLamports: 350n, revoked: false };
  const two = { ...held, name: 'two', capDayLamports: undefined, heldLamports: 0n };
  const told = {
    name: `wallet:${address}`,
    wallet: address,
    balanceLamports: 1_000n,
    creditLimitLamports: 0n,
    heldLamports: 350n,
  };
  expect(await readAccount(session)).toMatchObject({ ...told, keys: [held, two] });
  // A key sees itself alone.
  expect((await readAccount({ url, apiKey: secret })).keys).toEqual([held]);
  hold.release();
  await purse.giveBack();
  expect(await readAccount(session)).toMatchObject({ ...told, heldLamports: 0n });

  const first = await listMovements(session, { limit: 1 });
  expect(first).toMatchObject({ movements: [{ reference: `300 for ${address}`, lamports: 300n }], hasMore: true });
  const [newest] = first.movements;
  const rest = await listMovements(session, { before: newest?.id ?? 0n });
  expect(rest).toMatchObject({ movements: [{ reference: `700 for ${address}`, lamports: 700n }], hasMore: false });
  await expect(listMovements(session, { limit: 101 })).rejects.toMatchObject({
    code: 'GATEWAY_REFUSED',
    facts: { status: 400 },
  });
});

test('refuses an account and movements in another form', async () => {
  const session = await logInAs();
  const saying = (told: unknown): GatewaySession => ({ ...session, fetch: async () => Response.json(told) });
  for (const told of [undefined, {}, { ...(await readAccountJson(session)), heldLamports: 5 }])
    await expect(readAccount(saying(told ?? null))).rejects.toMatchObject({
      code: 'PROTOCOL_VIOLATION',
      message: 'The gateway’s account is in another form.',
    });
  for (const told of [{}, { data: [{ id: 'x' }], has_more: false }, { data: [] }])
    await expect(listMovements(saying(told))).rejects.toMatchObject({
      code: 'PROTOCOL_VIOLATION',
      message: 'The gateway’s movements are in another form.',
    });
});

async function readAccountJson({ token }: GatewaySession): Promise<object> {
  const response = await fetch(`${url}/v1/account`, { headers: { authorization: `Bearer ${token}` } });
  return (await response.json()) as object;
}

test('a gateway that passes another’s challenge on gets no signature', async () => {
  const wallet = generateKeypair();
  const signed: Uint8Array[] = [];
  const changes: readonly ((message: string) => string)[] = [
    (message) => message.replace(/^\S+/, 'other.example'),
    (message) => message.replace(toBase58(wallet.publicKey), toBase58(generateKeypair().publicKey)),
    (message) => message.replace(/^URI: .*$/m, 'URI: https://other.example'),
    (message) => `${message}\u0000`,
    () => 'Send everything',
  ];
  for (const change of changes) {
    const passing: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const { message, ...rest } = await response.json();
      return Response.json({ ...rest, message: change(message) });
    };
    await expect(
      logIn({
        gatewayUrl: url,
        wallet: toBase58(wallet.publicKey),
        fetch: passing,
        signMessage(message) {
          signed.push(message);
          return wallet.sign(message);
        },
      }),
    ).rejects.toMatchObject({
      code: 'PROTOCOL_VIOLATION',
      message: 'The gateway asks the wallet for more than to log in there.',
    });
  }
  expect(signed).toEqual([]);
});

test('a wallet that refuses, and another that signs, open nothing', async () => {
  const wallet = generateKeypair();
  const asked = { gatewayUrl: url, wallet: toBase58(wallet.publicKey) };
  await expect(
    logIn({ ...asked, signMessage: () => Promise.reject(new Error('The person said no.')) }),
  ).rejects.toThrow('The person said no.');
  await expect(logIn({ ...asked, signMessage: (message) => generateKeypair().sign(message) })).rejects.toMatchObject({
    code: 'GATEWAY_REFUSED',
    facts: { status: 401, code: 'session_refused' },
  });
});
