import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pageRoutes } from './page.ts';

let folder: string;
const script = `export const text = '${'karma '.repeat(400)}';\n`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-page-'));
  await mkdir(join(folder, 'dist/assets'), { recursive: true });
  await writeFile(join(folder, 'secret.txt'), 'secret');
  await writeFile(join(folder, 'dist/sources.txt'), 'not for everybody');
  await writeFile(join(folder, 'dist/index.html'), '<!doctype html><title>Karmesh</title>');
  await writeFile(join(folder, 'dist/assets/index-abc123.js'), script);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const routes = () => pageRoutes({ folder: join(folder, 'dist'), rpcUrl: 'http://127.0.0.1:8899/path' });

test('serves the page, which may load and reach only what its policy names', async () => {
  const response = await routes().request('/');
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('<!doctype html><title>Karmesh</title>');
  const { 'last-modified': _, ...headers } = Object.fromEntries(response.headers);
  expect(headers).toEqual({
    'cache-control': 'no-cache',
    'content-length': '37',
    'content-security-policy':
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self' http://127.0.0.1:8899 https: http://127.0.0.1:* http://localhost:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'content-type': 'text/html; charset=utf-8',
    'cross-origin-opener-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
});

test('serves what is named after its content for ever, and compressed to those who take it so', async () => {
  const plain = await routes().request('/assets/index-abc123.js');
  expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(plain.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect(plain.headers.get('x-content-type-options')).toBe('nosniff');
  expect(await plain.text()).toBe(script);
  const packed = await routes().request('/assets/index-abc123.js', { headers: { 'accept-encoding': 'gzip' } });
  expect(packed.headers.get('content-encoding')).toBe('gzip');
  expect(gunzipSync(new Uint8Array(await packed.arrayBuffer())).toString()).toBe(script);
});

test.each([
  '/assets/nothing.js',
  '/sources.txt',
  '/assets/../sources.txt',
  '/assets/%2e%2e/sources.txt',
  '/assets/..%2fsources.txt',
  '/assets/..%2f..%2fsecret.txt',
  '/assets/%2e%2e%5csources.txt',
  '/assets//etc/passwd',
])('serves nothing else: %s', async (path) => {
  const response = await routes().request(path);
  expect(response.status).toBe(404);
  expect(response.headers.get('cache-control') ?? '').not.toContain('immutable');
});

test('says how to build a page that is not there', async () => {
  const response = await pageRoutes({ folder: join(folder, 'nowhere'), rpcUrl: undefined }).request('/');
  expect(response.status).toBe(404);
  expect(await response.text()).toBe(
    'The gateway’s page has not been built: run `npm run build:dashboard` in the checkout, then start the gateway again.\n',
  );
});
