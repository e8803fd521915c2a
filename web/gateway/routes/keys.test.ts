import { generateKeypair } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accountApp, NOON_MS } from '../fixtures/accountApp.ts';
import { ledgerAccount } from '../payments/ledger/accountNames.ts';
import { post } from '../payments/ledger/post.ts';
import { openTestDatabase, type TestDatabase } from '../store/fixtures/testDatabase.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
}, 120_000);
afterAll(() => database[Symbol.asyncDispose]());

async function loggedIn() {
  const app = await accountApp(database.sql);
  const token = await app.logIn(generateKeypair());
  const call = (method: string, path: string, body?: unknown) => app.call(method, path, { token, body });
  const isValid = async (secret: string) => (await app.call('GET', '/v1/models', { token: secret })).status === 200;
  return { ...app, token, mine: call, isValid };
}

test('makes a key whose secret is shown once and whose id opens nothing', async () => {
  const { call, isValid, mine } = await loggedIn();
  const caps = { cap_day_lamports: '1000', cap_total_lamports: '9223372036854775807' };
  const { json, status } = await mine('POST', '/v1/keys', { name: 'web – ключ 1', ...caps });
  const { secret, ...object } = json;
  expect(status).toBe(201);
  expect(object).toEqual({
    object: 'key',
    id: expect.stringMatching(/^key_[0-9a-f]{32}$/),
    name: 'web – ключ 1',
    ...caps,
    spent_day_lamports: '0',
    spent_total_lamports: '0',
    created_at_ms: NOON_MS,
    rotated_at_ms: null,
    revoked_at_ms: null,
  });
  expect(secret).toMatch(/^sk-karmesh-[\w-]{43}$/);
  expect(await isValid(secret)).toBe(true);
  expect(await isValid(object.id)).toBe(false);
  expect((await call('GET', '/v1/keys', { token: object.id })).status).toBe(401);
  expect(await mine('GET', '/v1/keys')).toEqual({ status: 200, json: { object: 'list', data: [object] } });
});

test('an API key sees itself and the account’s credit, a session every key', async () => {
  const { call, mine } = await loggedIn();
  const one = (await mine('POST', '/v1/keys', { name: 'one' })).json;
  await mine('POST', '/v1/keys', { name: 'two' });
  const names = ({ json }: { json: { keys: { name: string }[] } }) => json.keys.map(({ name }) => name);
  expect(names(await call('GET', '/v1/account', { token: one.secret }))).toEqual(['one']);
  expect(names(await mine('GET', '/v1/account'))).toEqual(['one', 'two']);
});

test('changes names and caps, takes caps away, and leaves what is not named', async () => {
  const { mine } = await loggedIn();
  const { id } = (await mine('POST', '/v1/keys', { name: 'one', cap_day_lamports: '5', cap_total_lamports: '50' }))
    .json;
  expect((await mine('PATCH', `/v1/keys/${id}`, { cap_day_lamports: '7' })).json).toMatchObject({
    name: 'one',
    cap_day_lamports: '7',
    cap_total_lamports: '50',
  });
  expect((await mine('PATCH', `/v1/keys/${id}`, { name: 'two', cap_total_lamports: null })).json).toMatchObject({
    name: 'two',
    cap_day_lamports: '7',
    cap_total_lamports: null,
  });
  expect((await mine('PATCH', `/v1/keys/${id}`, {})).status).toBe(200);
});

test('refuses caps and names of another form, and fields that there are not', async () => {
  const { mine } = await loggedIn();
  const { id } = (await mine('POST', '/v1/keys', { name: 'one' })).json;
  const cases: readonly [object, string | null][] = [
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(65) }, 'name'],
    [{ name: 'two\nlines' }, 'name'],
    [{ name: '\u001b[2J' }, 'name'],
    [{ name: 'turned \u202e round' }, 'name'],
    [{ name: 'a', cap_day_lamports: 5 }, 'cap_day_lamports'],
    [{ name: 'a', cap_day_lamports: '-1' }, 'cap_day_lamports'],
    [{ name: 'a', cap_day_lamports: '1.5' }, 'cap_day_lamports'],
    [{ name: 'a', cap_total_lamports: '01' }, 'cap_total_lamports'],
    [{ name: 'a', cap_total_lamports: '9223372036854775808' }, 'cap_total_lamports'],
    [{ name: 'a', secret: 'sk-mine' }, null],
    [{ name: 'a', account_id: 1 }, null],
  ];
  for (const [body, param] of cases) {
    for (const [method, path] of [
      ['POST', '/v1/keys'],
      ['PATCH', `/v1/keys/${id}`],
    ] as const) {
      const { json, status } = await mine(method, path, body);
      expect([status, json.error.param]).toEqual([400, param]);
    }
  }
  for (const grace_ms of [-1, 0.5, '5', 30 * 86_400_000 + 1])
    expect((await mine('POST', `/v1/keys/${id}/rotate`, { grace_ms })).json.error.param).toBe('grace_ms');
  for (const [method, path] of [
    ['POST', '/v1/keys'],
    ['PATCH', `/v1/keys/${id}`],
    ['POST', `/v1/keys/${id}/rotate`],
  ] as const)
    expect((await mine(method, path, { name: 'x'.repeat(5_000) })).status).toBe(413);
  expect((await mine('GET', '/v1/keys')).json.data).toHaveLength(1);
});

test('rotates: both secrets are valid while the grace lasts, and budget and id stay', async () => {
  const { isValid, mine, time } = await loggedIn();
  const made = (await mine('POST', '/v1/keys', { name: 'one', cap_total_lamports: '50' })).json;
  await database.sql.updateTable('api_keys').set({ spent_total_lamports: 20n }).where('id', '=', made.id).execute();
  time.ms += 1_000;
  const { json, status } = await mine('POST', `/v1/keys/${made.id}/rotate`, { grace_ms: 60_000 });
  expect(status).toBe(200);
  expect(json).toMatchObject({
    id: made.id,
    cap_total_lamports: '50',
    spent_total_lamports: '20',
    rotated_at_ms: NOON_MS + 1_000,
  });
  expect(json.secret).not.toBe(made.secret);
  expect([await isValid(made.secret), await isValid(json.secret)]).toEqual([true, true]);
  time.ms += 62_000;
  expect([await isValid(made.secret), await isValid(json.secret)]).toEqual([false, true]);
  const last = (await mine('POST', `/v1/keys/${made.id}/rotate`, { grace_ms: 0 })).json;
  time.ms += 2_000;
  expect([await isValid(json.secret), await isValid(last.secret)]).toEqual([false, true]);
});

test('a key that is revoked ends within two seconds, and is not changed any more', async () => {
  const { isValid, mine, time } = await loggedIn();
  const { id, secret } = (await mine('POST', '/v1/keys', { name: 'one' })).json;
  expect(await isValid(secret)).toBe(true);
  expect(await mine('DELETE', `/v1/keys/${id}`)).toEqual({ status: 204, json: undefined });
  time.ms += 2_000;
  expect(await isValid(secret)).toBe(false);
  expect((await mine('GET', '/v1/keys')).json.data).toMatchObject([{ id, revoked_at_ms: NOON_MS }]);
  const unknown = {
    status: 404,
    json: {
      error: {
        message: 'The account has no valid key with this id.',
        type: 'invalid_request_error',
        param: 'id',
        code: 'key_not_found',
      },
    },
  };
  expect(await mine('DELETE', `/v1/keys/${id}`)).toEqual(unknown);
  expect(await mine('PATCH', `/v1/keys/${id}`, { name: 'two' })).toEqual(unknown);
  expect(await mine('POST', `/v1/keys/${id}/rotate`, {})).toEqual(unknown);
});

test('a key of another account is no key', async () => {
  const owner = await loggedIn();
  const other = await loggedIn();
  const { id, secret } = (await owner.mine('POST', '/v1/keys', { name: 'one' })).json;
  expect((await other.mine('PATCH', `/v1/keys/${id}`, { name: 'two' })).status).toBe(404);
  expect((await other.mine('POST', `/v1/keys/${id}/rotate`, {})).status).toBe(404);
  expect((await other.mine('DELETE', `/v1/keys/${id}`)).status).toBe(404);
  expect((await other.mine('GET', '/v1/keys')).json.data).toEqual([]);
  expect(await owner.isValid(secret)).toBe(true);
  expect((await owner.mine('GET', '/v1/keys')).json.data).toMatchObject([{ id, name: 'one', rotated_at_ms: null }]);
});

test('an account has twenty valid keys; one that ends makes room', async () => {
  const { mine } = await loggedIn();
  const made = await Promise.all(Array.from({ length: 24 }, () => mine('POST', '/v1/keys', { name: 'many' })));
  const full = made.filter(({ status }) => status === 400);
  expect(full).toHaveLength(4);
  expect(full[0]?.json.error).toEqual({
    message: 'An account has at most 20 valid keys, and 1000 with those that ended.',
    type: 'invalid_request_error',
    param: null,
    code: 'too_many_keys',
  });
  const { id } = made.find(({ status }) => status === 201)?.json ?? {};
  await mine('DELETE', `/v1/keys/${id}`);
  expect((await mine('POST', '/v1/keys', { name: 'another' })).status).toBe(201);
});

test('lists what moved the credit, the newest first and page by page, and nothing of others', async () => {
  const { call, mine, token } = await loggedIn();
  const { account } = await database.sql
    .selectFrom('accounts')
    .select((column) => column.fn.max('id').as('account'))
    .executeTakeFirstOrThrow();
  for (const [at, owner] of [account, 1n, account, account].entries())
    await post(database.sql, {
      kind: 'grant',
      reference: `movement ${at}`,
      atMs: BigInt(at),
      postings: [
        { account: ledgerAccount.granted, lamports: -5n },
        { account: ledgerAccount.credit(owner), lamports: 5n },
      ],
    });
  const first = (await mine('GET', '/v1/movements?limit=2')).json;
  expect(first).toEqual({
    object: 'list',
    data: [3, 2].map((at) => ({
      object: 'movement',
      id: expect.stringMatching(/^\d+$/),
      kind: 'grant',
      reference: `movement ${at}`,
      at_ms: at,
      lamports: '5',
    })),
    has_more: true,
  });
  const rest = (await mine('GET', `/v1/movements?before=${first.data[1].id}&limit=2`)).json;
  expect([rest.data.map(({ reference }: { reference: string }) => reference), rest.has_more]).toEqual([
    ['movement 0'],
    false,
  ]);
  for (const query of ['limit=0', 'limit=101', 'limit=x', 'before=-1', 'after=3'])
    expect((await call('GET', `/v1/movements?${query}`, { token })).status).toBe(400);
});

test('deposits are offered to a session as to a key, and not without end', { timeout: 60_000 }, async () => {
  const { mine, time } = await loggedIn();
  const offer = await mine('POST', '/v1/deposits', { asset: 'sol' });
  expect([offer.status, offer.json.object]).toEqual([201, 'deposit_offer']);
  for (let at = 1; at < 200; at++) expect((await mine('POST', '/v1/deposits', { asset: 'sol' })).status).toBe(201);
  expect((await mine('POST', '/v1/deposits', { asset: 'sol' })).json.error.code).toBe('rate_limit_exceeded');
  expect((await mine('GET', '/v1/deposits')).json).toEqual({ object: 'list', data: [] });
  expect(time.ms).toBe(NOON_MS);
});
