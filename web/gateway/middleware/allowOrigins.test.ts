import { expect, test } from 'vitest';
import { testApp } from '../fixtures/testApp.ts';

const page = 'https://dapp.example';
const path = '/v1/chat/completions';
const body = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] };
const preflight = (origin: string) => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,payment-signature',
  },
});

test('without an allowed origin no page of another may call', async () => {
  const { app, post } = testApp();
  const asked = await app.request(path, preflight(page));
  expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([401, null]);
  const answered = await post(path, body, { origin: page });
  expect([answered.status, answered.headers.get('access-control-allow-origin')]).toEqual([200, null]);
});

test('a page of an allowed origin may send what pays, and read what it costs', async () => {
  const { app, post } = testApp({ options: { allowOrigins: [page] } });
  const asked = await app.request(path, preflight(page));
  expect([asked.status, Object.fromEntries(asked.headers)]).toEqual([
    204,
    {
      'access-control-allow-origin': page,
      'access-control-allow-methods': 'GET,POST',
      'access-control-allow-headers':
        'authorization,content-type,idempotency-key,payment-signature,access-control-expose-headers,x-karmesh-assurance,x-karmesh-progress,x-karmesh-usage',
      'access-control-expose-headers': expect.stringContaining('payment-required,payment-response,retry-after'),
      'access-control-max-age': '600',
      vary: expect.stringContaining('Origin'),
    },
  ]);
  for (const more of [{}, { authorization: 'Bearer wrong' }]) {
    const { headers } = await post(path, body, { origin: page, ...more });
    expect(headers.get('access-control-allow-origin')).toBe(page);
    expect(headers.get('access-control-expose-headers')).toContain('payment-required,payment-response,retry-after');
  }
});

test('another origin is told nothing, and * is every origin', async () => {
  const other = 'https://other.example';
  const named = testApp({ options: { allowOrigins: [page] } });
  expect((await named.post(path, body, { origin: other })).headers.get('access-control-allow-origin')).toBeNull();
  const all = testApp({ options: { allowOrigins: ['*'] } });
  expect((await all.post(path, body, { origin: other })).headers.get('access-control-allow-origin')).toBe('*');
});

test('only the API is for other pages', async () => {
  const { app } = testApp({ options: { allowOrigins: ['*'] } });
  const { headers } = await app.request('/metrics', { headers: { origin: page } });
  expect(headers.get('access-control-allow-origin')).toBeNull();
});
