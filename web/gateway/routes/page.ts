import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { createMiddleware } from 'hono/factory';

export type PageOptions = {
  /** The folder of the built page (web/dashboard/dist). */
  readonly folder: string;
  /** The RPC node that the page may read the chain from, besides this gateway. */
  readonly rpcUrl: string | undefined;
};

/** Vite names every file of this folder after its content. */
const IMMUTABLE = 'public, max-age=31536000, immutable';
const UNBUILT =
  'The gateway’s page has not been built: run `npm run build:dashboard` in the checkout, then start the gateway again.\n';

/** `GET /` and `GET /assets/*`: the page, which may load nothing but what is served here, and reach this gateway and RPC nodes. */
export const pageRoutes = ({ folder, rpcUrl }: PageOptions) => {
  const routes = new Hono();
  if (!existsSync(join(folder, 'index.html'))) return routes.get('/', (context) => context.text(UNBUILT, 404));
  return routes
    .use('/', headers({ rpcUrl, cache: 'no-cache' }), compress())
    .use('/assets/*', headers({ rpcUrl, cache: IMMUTABLE }), compress())
    .get('/', serveStatic({ root: folder, path: 'index.html' }))
    .get('/assets/*', serveStatic({ root: folder }));
};

/** Who trusts no RPC node but their own names it in the page: any with a certificate, or one on their machine. */
const OWN_NODES = ['https:', 'http://127.0.0.1:*', 'http://localhost:*'];

function headers({ rpcUrl, cache }: { readonly rpcUrl: string | undefined; readonly cache: string }) {
  const named = rpcUrl === undefined ? [] : [new URL(rpcUrl).origin];
  const reachable = ["'self'", ...named, ...OWN_NODES].join(' ');
  const policy = [
    "default-src 'none'",
    // The page hashes commitments in WebAssembly of its own. Its threads fall under this, too.
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${reachable}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return createMiddleware(async (context, next) => {
    context.header('content-security-policy', policy);
    context.header('x-content-type-options', 'nosniff');
    context.header('referrer-policy', 'no-referrer');
    context.header('cross-origin-opener-policy', 'same-origin');
    await next();
    if (context.res.ok) context.header('cache-control', cache);
  });
}
