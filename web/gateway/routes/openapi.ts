import { Hono } from 'hono';
import { openApiDocument } from '../openapi/document.ts';

/** `GET /openapi.json`, without a key: it says nothing but what the source does. */
export const openApiRoutes = () => {
  const text = JSON.stringify(openApiDocument());
  return new Hono().get('/openapi.json', (context) => context.body(text, 200, { 'content-type': 'application/json' }));
};
