import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBase58 } from '@karmesh/sdk/program';
import { generateKeypair } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordArrivals } from '../deposits/depositStore.ts';
import { accountApp, NOON_MS, ORIGIN, signText } from '../fixtures/accountApp.ts';
import { bytes } from '../fixtures/testApp.ts';
import { addPayment, creditPayment } from '../payments/x402/payments.ts';
import { addAccount } from '../store/accounts.ts';
import { hasPostgres, startPostgres } from '../store/fixtures/startPostgres.ts';
import { openTestDatabase, type TestDatabase } from '../store/fixtures/testDatabase.ts';
import { openDatabase } from '../store/openDatabase.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
}, 120_000);
afterAll(() => database[Symbol.asyncDispose]());

/** Of Ed25519 (RFC 8032, section 5.1). */
const GROUP_ORDER = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;

const refusal = (sentence: string) => ({
  status: 401,
  json: { error: { message: sentence, type: 'invalid_request_error', param: null, code: 'session_refused' } },
});
const NOT_ISSUED = refusal('This gateway has not issued this message, or not for this address.');
const NOT_SIGNED = refusal('The wallet that the message names has not signed it as it stands.');
const EXPIRED = refusal('The message has expired. Ask for another.');
const USED = refusal('The message has opened a session before. Ask for another.');

test('the message has the form of Sign In With Solana', async () => {
  const { call } = await accountApp(database.sql);
  const wallet = toBase58(bytes(32, 9));
  const { json, status } = await call('POST', '/v1/session/challenge', { body: { wallet } });
  expect([status, json.expires_at_ms]).toEqual([200, NOON_MS + 300_000]);
  expect(json.message.replace(/^Nonce: [0-9a-f]{64}$/m, 'Nonce: …')).toMatchInlineSnapshot(`
    "gateway.example wants you to sign in with your Solana account:
    cGfHiC6Kgg3FpFZvgwGcswsCRtp4aBP2fzuXRQPizuN

    Log in to manage this account's API keys and credit. This is not a transaction: it costs nothing and moves no funds.

    URI: https://gateway.example
    Version: 1
    Chain ID: localnet
    Nonce: …
    Issued At: 2026-11-22T12:00:00.000Z
    Expiration Time: 2026-11-22T12:05:00.000Z
    Resources:
    - solana:US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx"
  `);
  const again = await call('POST', '/v1/session/challenge', { body: { wallet } });
  expect(again.json.message).not.toBe(json.message);
});

test('a wallet logs in by its signature, is told its account and may log out', async () => {
  const { call, challenge, open, time } = await accountApp(database.sql);
  const wallet = generateKeypair();
  const address = toBase58(wallet.publicKey);
  const message = await challenge(wallet);
  const { json, status } = await open(message, signText(wallet, message));
  expect([status, json]).toEqual([
    201,
    {
      token: expect.stringMatching(/^karmesh-session-[\w-]{43}$/),
      expires_at_ms: NOON_MS + 43_200_000,
      wallet: address,
      account: `wallet:${address}`,
    },
  ]);
  const { token } = json;
  expect(await call('GET', '/v1/account', { token })).toEqual({
    status: 200,
    json: {
      object: 'account',
      name: `wallet:${address}`,
      wallet: address,
      balanceLamports: '0',
      creditLimitLamports: '0',
      heldLamports: '0',
      keys: [],
    },
  });
  time.ms += 43_199_999;
  expect((await call('GET', '/v1/account', { token })).status).toBe(200);
  time.ms += 1;
  expect((await call('GET', '/v1/account', { token })).json.error).toEqual({
    message: 'This session has ended. Log in again with the wallet of the account.',
    type: 'invalid_request_error',
    param: null,
    code: 'invalid_session',
  });
  time.ms = NOON_MS;
  expect(await call('DELETE', '/v1/session', { token })).toEqual({ status: 204, json: undefined });
  expect((await call('GET', '/v1/account', { token })).status).toBe(401);
  expect((await call('DELETE', '/v1/session', { token })).status).toBe(401);
});

test('tokens are kept as hashes', async () => {
  const { logIn } = await accountApp(database.sql);
  const token = await logIn(generateKeypair());
  const rows = await database.sql.selectFrom('sessions').selectAll().execute();
  expect(rows.length).toBeGreaterThan(0);
  for (const { token_hash } of rows) expect(token).not.toContain(Buffer.from(token_hash).toString('base64url'));
  expect(rows.map(({ token_hash }) => Buffer.from(token_hash).toString('hex'))).toContain(
    createHash('sha256').update(token).digest('hex'),
  );
});

test('a challenge opens one session, also for a gateway that was started again', async () => {
  const { challenge, open } = await accountApp(database.sql);
  const wallet = generateKeypair();
  const message = await challenge(wallet);
  const signature = signText(wallet, message);
  expect((await open(message, signature)).status).toBe(201);
  expect(await open(message, signature)).toEqual(USED);
  const restarted = await accountApp(database.sql);
  expect(await restarted.open(message, signature)).toEqual(USED);
  await restarted.sessions.sweep();
  expect(await restarted.open(message, signature)).toEqual(USED);
});

test('of many who bring one signature at once, one has a session', async () => {
  const { challenge, open } = await accountApp(database.sql);
  const wallet = generateKeypair();
  const message = await challenge(wallet);
  const statuses = await Promise.all(
    Array.from({ length: 8 }, async () => (await open(message, signText(wallet, message))).status),
  );
  expect(statuses.sort()).toEqual([201, 401, 401, 401, 401, 401, 401, 401]);
});

test('refuses a signature by another wallet, of another text, and what is no signature', async () => {
  const { challenge, open } = await accountApp(database.sql);
  const [wallet, other] = [generateKeypair(), generateKeypair()];
  const message = await challenge(wallet);
  expect(await open(message, signText(other, message))).toEqual(NOT_SIGNED);
  expect(await open(message, signText(wallet, `${message} `))).toEqual(NOT_SIGNED);
  expect(await open(message, bytes(64, 1))).toEqual(NOT_SIGNED);
  expect((await open(message, signText(wallet, message))).status).toBe(201);
});

test('refuses a signature that was made another one of without the key, and points of small order', async () => {
  const { call, challenge, open } = await accountApp(database.sql);
  const wallet = generateKeypair();
  const message = await challenge(wallet);
  const signature = signText(wallet, message);
  // S + L stands for the same scalar as S.
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + GROUP_ORDER;
  const malleable = Buffer.concat([
    signature.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse(),
  ]);
  expect(await open(message, malleable)).toEqual(NOT_SIGNED);
  // The neutral point as a key: R of small order and S = 0 hold for every text without its order being looked at.
  const neutral = Buffer.concat([Buffer.of(1), Buffer.alloc(31)]);
  const asked = await call('POST', '/v1/session/challenge', { body: { wallet: toBase58(neutral) } });
  expect(await open(asked.json.message, Buffer.concat([neutral, Buffer.alloc(32)]))).toEqual(NOT_SIGNED);
});

test('refuses a message of another gateway, and one that was changed anywhere', async () => {
  const { challenge, open } = await accountApp(database.sql);
  const elsewhere = await accountApp(database.sql, { publicUrl: 'https://other.example' });
  const onOtherChain = await accountApp(database.sql, { genesis: bytes(32, 8) });
  const wallet = generateKeypair();
  for (const { challenge: asked } of [elsewhere, onOtherChain]) {
    const message = await asked(wallet);
    expect(await open(message, signText(wallet, message))).toEqual(NOT_ISSUED);
  }
  const message = await challenge(wallet);
  const changes: readonly [string, string][] = [
    ['gateway.example wants', 'other.example wants'],
    [toBase58(wallet.publicKey), toBase58(generateKeypair().publicKey)],
    ['moves no funds', 'moves all funds'],
    ['URI: https://gateway', 'URI: http://gateway'],
    ['Version: 1', 'Version: 2'],
    ['Chain ID: localnet', 'Chain ID: mainnet'],
    ['Nonce: ', 'Nonce: 0'],
    [/Nonce: [0-9a-f]/.exec(message)?.[0] ?? '', 'Nonce: g'],
    ['Issued At: 2026', 'Issued At: 2027'],
    ['Expiration Time: 2026', 'Expiration Time: 2027'],
    [`solana:${toBase58(bytes(32, 7))}`, `solana:${toBase58(bytes(32, 8))}`],
  ];
  for (const [from, to] of changes) {
    const changed = message.replace(from, to);
    expect(changed).not.toBe(message);
    expect(await open(changed, signText(wallet, changed))).toEqual(NOT_ISSUED);
  }
  for (const changed of [`${message}\n`, `${message}\n- https://evil.example`, ` ${message}`, `\n${message}`, 'hello'])
    expect(await open(changed, signText(wallet, changed))).toEqual(NOT_ISSUED);
  const nonce = /Nonce: ([0-9a-f]{64})/.exec(message)?.[1] ?? '';
  for (const at of [0, 31, 32, 63]) {
    const flipped = nonce.slice(0, at) + (nonce[at] === '0' ? '1' : '0') + nonce.slice(at + 1);
    const changed = message.replace(nonce, flipped);
    expect(await open(changed, signText(wallet, changed))).toEqual(NOT_ISSUED);
  }
});

test('a challenge is good for five minutes, and a clock may be thirty seconds behind the one that issued it', async () => {
  const { challenge, open, time } = await accountApp(database.sql);
  const wallet = generateKeypair();
  const [first, second] = [await challenge(wallet), await challenge(wallet)];
  time.ms = NOON_MS + 300_000;
  expect(await open(first, signText(wallet, first))).toEqual(EXPIRED);
  time.ms = NOON_MS - 30_001;
  expect(await open(first, signText(wallet, first))).toEqual(EXPIRED);
  time.ms = NOON_MS + 299_999;
  expect((await open(first, signText(wallet, first))).status).toBe(201);
  time.ms = NOON_MS - 30_000;
  expect((await open(second, signText(wallet, second))).status).toBe(201);
});

test('nothing is written before a signature was verified', async () => {
  const { call, challenge, open } = await accountApp(database.sql);
  const count = async () => {
    const tables = ['accounts', 'sessions', 'used_challenges'] as const;
    return Promise.all(
      tables.map(async (table) => (await database.sql.selectFrom(table).selectAll().execute()).length),
    );
  };
  const before = await count();
  const message = await challenge(generateKeypair());
  await open(message, bytes(64, 2));
  await open('x', bytes(64, 2));
  await call('POST', '/v1/session', { body: {} });
  expect(await count()).toEqual(before);
});

test('bodies have 4 KiB and the form of the schema', async () => {
  const { call } = await accountApp(database.sql);
  const big = { wallet: 'x'.repeat(5_000) };
  expect((await call('POST', '/v1/session/challenge', { body: big })).status).toBe(413);
  expect((await call('POST', '/v1/session', { body: big })).status).toBe(413);
  expect((await call('POST', '/v1/session/challenge', { body: { wallet: '0'.repeat(40) } })).json.error.param).toBe(
    'wallet',
  );
  expect((await call('POST', '/v1/session/challenge', { body: { wallet: 'z'.repeat(44) } })).json.error.param).toBe(
    'wallet',
  );
  expect((await call('POST', '/v1/session/challenge', { body: '{' })).status).toBe(400);
  expect((await call('POST', '/v1/session', { body: { message: 'x', signature: '!' } })).json.error.param).toBe(
    'signature',
  );
});

test('without a public URL only this machine’s own names are signed for', async () => {
  const { call } = await accountApp(database.sql, { publicUrl: undefined });
  const body = { wallet: toBase58(bytes(32, 9)) };
  const local = await call('POST', '/v1/session/challenge', { body, host: 'http://127.0.0.1:8787' });
  expect(local.json.message.split('\n')[0]).toBe('127.0.0.1:8787 wants you to sign in with your Solana account:');
  expect(await call('POST', '/v1/session/challenge', { body, host: 'https://evil.example' })).toMatchObject({
    status: 400,
    json: { error: { code: 'no_public_url' } },
  });
});

test('a public URL is what is signed for, whatever host a client names', async () => {
  const { call } = await accountApp(database.sql);
  const body = { wallet: toBase58(bytes(32, 9)) };
  const { json } = await call('POST', '/v1/session/challenge', { body, host: 'https://evil.example' });
  expect(json.message).toContain(`gateway.example wants you to sign in`);
  expect(json.message).toContain(`URI: ${ORIGIN}\n`);
});

test('a wallet has eight sessions: one more ends the oldest', async () => {
  const { call, logIn, time } = await accountApp(database.sql);
  const wallet = generateKeypair();
  const tokens: string[] = [];
  for (let at = 0; at < 9; at++) {
    time.ms += 1;
    tokens.push(await logIn(wallet));
  }
  const statuses = await Promise.all(tokens.map(async (token) => (await call('GET', '/v1/account', { token })).status));
  expect(statuses).toEqual([401, 200, 200, 200, 200, 200, 200, 200, 200]);
});

test('a wallet logs in at most 32 times in five minutes', { timeout: 60_000 }, async () => {
  const { challenge, logIn, open, time } = await accountApp(database.sql);
  const wallet = generateKeypair();
  for (let at = 0; at < 32; at++) await logIn(wallet);
  const message = await challenge(wallet);
  expect(await open(message, signText(wallet, message))).toMatchObject({
    status: 429,
    json: { error: { code: 'rate_limit_exceeded' } },
  });
  time.ms += 300_000;
  await logIn(wallet);
});

test('new wallets of an hour are bounded; one that has an account is not new', async () => {
  const fresh = await openTestDatabase();
  try {
    const { challenge, logIn, open, time } = await accountApp(fresh.sql, { maxNewAccounts: 2 });
    const [first, second, third, paid] = [
      generateKeypair(),
      generateKeypair(),
      generateKeypair(),
      generateKeypair(),
    ] as const;
    await addAccount(fresh.sql, {
      name: 'acme',
      walletAddress: paid.publicKey,
      creditLimitLamports: 5n,
      createdAtMs: BigInt(NOON_MS),
    });
    await logIn(first);
    await logIn(second);
    const message = await challenge(third);
    expect(await open(message, signText(third, message))).toEqual({
      status: 429,
      json: {
        error: {
          message: 'This gateway takes no more new wallets in this hour. A wallet that has paid in is not new.',
          type: 'rate_limit_error',
          param: null,
          code: 'rate_limit_exceeded',
        },
      },
    });
    await logIn(first);
    await logIn(paid);
    time.ms += 3_600_000;
    await logIn(third);
  } finally {
    await fresh[Symbol.asyncDispose]();
  }
});

test('the account that x402 made for a wallet is the wallet’s when it logs in', async () => {
  const { call, logIn } = await accountApp(database.sql);
  const wallet = generateKeypair();
  const address = toBase58(wallet.publicKey);
  const payment = {
    messageHash: bytes(32, 3),
    blockhash: toBase58(bytes(32, 4)),
    signature: `paid by ${address}`,
    wallet: wallet.publicKey,
    baseUnits: 7n,
    lamports: 70n,
  };
  const nowMs = BigInt(NOON_MS);
  await addPayment(database.sql, { ...payment, gateway: database.db.gateway, nowMs });
  await creditPayment(database.sql, payment, nowMs);
  const token = await logIn(wallet);
  expect((await call('GET', '/v1/account', { token })).json).toMatchObject({
    name: `x402:${address}`,
    wallet: address,
    balanceLamports: '70',
  });
  const { json } = await call('POST', '/v1/keys', { token, body: { name: 'mine' } });
  expect((await call('GET', '/v1/account', { token: json.secret })).json).toMatchObject({
    balanceLamports: '70',
    keys: [{ name: 'mine' }],
  });
});

test('what a wallet that is logged in pays in is credited to its account, to be spent by its keys', async () => {
  const { call, logIn } = await accountApp(database.sql);
  const wallet = generateKeypair();
  const token = await logIn(wallet);
  const { secret } = (await call('POST', '/v1/keys', { token, body: { name: 'mine' } })).json;
  const signature = `paid in by ${toBase58(wallet.publicKey)}`;
  await recordArrivals(database.sql, {
    gateway: bytes(32, 2),
    addresses: { sol: bytes(32, 3), token: undefined },
    asset: 'sol',
    signature,
    arrivals: [
      {
        signature,
        asset: 'sol',
        amount: 90n,
        named: [wallet.publicKey],
        signers: [wallet.publicKey],
        blockTimeMs: undefined,
      },
    ],
    rates: { sol: 1_000_000_000n, token: undefined },
    nowMs: BigInt(NOON_MS),
  });
  for (const bearer of [token, secret]) {
    expect((await call('GET', '/v1/account', { token: bearer })).json.balanceLamports).toBe('90');
    expect((await call('GET', '/v1/deposits', { token: bearer })).json.data).toMatchObject([
      { signature, creditedLamports: '90' },
    ]);
  }
  expect((await call('GET', '/v1/movements', { token })).json.data).toMatchObject([
    { kind: 'deposit', reference: `${signature}:sol`, lamports: '90' },
  ]);
});

test('a session is no API key: it gets no answers, and an API key manages no keys', async () => {
  const { app, asked, call, logIn } = await accountApp(database.sql);
  const token = await logIn(generateKeypair());
  const body = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] };
  for (const path of ['/v1/chat/completions', '/v1/completions', '/v1/embeddings'])
    expect(await call('POST', path, { token, body })).toMatchObject({
      status: 401,
      json: {
        error: {
          message: 'A session of a wallet cannot ask for answers. Make an API key with POST /v1/keys and use that.',
          code: 'invalid_api_key',
        },
      },
    });
  expect(asked).toEqual([]);
  expect((await call('GET', '/v1/models', { token })).status).toBe(401);
  const { json } = await call('POST', '/v1/keys', { token, body: { name: 'mine' } });
  const key = json.secret;
  for (const [method, path] of [
    ['GET', '/v1/keys'],
    ['POST', '/v1/keys'],
    ['PATCH', `/v1/keys/${json.id}`],
    ['POST', `/v1/keys/${json.id}/rotate`],
    ['DELETE', `/v1/keys/${json.id}`],
    ['GET', '/v1/movements'],
    ['DELETE', '/v1/session'],
  ] as const)
    expect((await call(method, path, { token: key })).json.error).toMatchObject({
      message: 'This needs the token of a session as a bearer token: log in with the wallet of the account.',
      code: 'invalid_session',
    });
  // A cookie is nothing here.
  const cookie = await app.request('/v1/keys', { headers: { cookie: `session=${token}; token=${token}` } });
  expect([cookie.status, cookie.headers.get('set-cookie')]).toEqual([401, null]);
  expect((await call('GET', '/v1/keys', { token: `${token}x` })).status).toBe(401);
  expect((await call('GET', '/v1/keys', { token: token.slice(0, -1) })).status).toBe(401);
});

test('a session opened at one gateway works at the other, and ends there too', {
  timeout: 240_000,
  skip: !hasPostgres,
}, async () => {
  await using owned = new AsyncDisposableStack();
  const server = owned.use(await startPostgres());
  const open = async (fill: number) => {
    const dataFolder = await mkdtemp(join(tmpdir(), 'karmesh-sessions-'));
    owned.defer(() => rm(dataFolder, { recursive: true, force: true }));
    return owned.use(
      await openDatabase({
        dataFolder,
        databaseUrl: server.url,
        domain: bytes(32, 1),
        participant: bytes(32, fill),
      }),
    );
  };
  const one = await accountApp((await open(2)).sql);
  const other = await accountApp((await open(3)).sql);
  const wallet = generateKeypair();
  const token = await one.logIn(wallet);
  expect((await other.call('GET', '/v1/account', { token })).status).toBe(200);
  // Behind one name a challenge of one is answered at the other, once.
  const message = await one.challenge(wallet);
  const answers = await Promise.all(
    [one, other, one, other].map(async (app) => (await app.open(message, signText(wallet, message))).status),
  );
  expect(answers.sort()).toEqual([201, 401, 401, 401]);
  expect((await other.call('DELETE', '/v1/session', { token })).status).toBe(204);
  expect((await one.call('GET', '/v1/account', { token })).status).toBe(401);
  // A new wallet that comes to both at once has one account.
  const fresh = generateKeypair();
  const logins = await Promise.all([one, other].map((app) => app.logIn(fresh)));
  const names = await Promise.all(
    logins.map(async (each) => (await one.call('GET', '/v1/account', { token: each })).json.name),
  );
  expect(names).toEqual([`wallet:${toBase58(fresh.publicKey)}`, `wallet:${toBase58(fresh.publicKey)}`]);
});
