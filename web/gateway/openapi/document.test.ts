import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { testApp } from '../fixtures/testApp.ts';
import { openApiDocument } from './document.ts';
import { operations } from './operations.ts';

// `vitest run web/gateway/openapi -u` writes docs/reference/openapi.json anew.

const committed = fileURLToPath(new URL('../../../docs/reference/openapi.json', import.meta.url));
type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every object below `value`, with the way to it. */
function* objectsOf(value: unknown, path = '#'): Generator<readonly [path: string, object: Json]> {
  if (isObject(value)) yield [path, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) yield* objectsOf(child, `${path}/${key}`);
}

test('docs/reference/openapi.json is what the schemas give', async () => {
  await expect(`${JSON.stringify(openApiDocument(), null, 2)}\n`).toMatchFileSnapshot(committed);
});

test('the gateway serves it without a key', async () => {
  const { app } = testApp();
  const response = await app.request('/openapi.json');
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
});

test('it has every route of the API, and no other', () => {
  const { app } = testApp();
  const routes = app.routes.flatMap(({ method, path }) =>
    method === 'ALL' ? [] : [`${method} ${path.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')}`],
  );
  // The page and its facts, prices, workers and the log are there where their parts are.
  const isOfPage = (path: string): boolean =>
    path === '/' ||
    /^\/(?:assets|v1\/(?:account|deposits|keys|market|movements|session|prices|quotes|log|workers))/.test(path);
  const described = operations.flatMap(({ method, path }) =>
    isOfPage(path) ? [] : [`${method.toUpperCase()} ${path}`],
  );
  expect([...new Set(routes)].sort()).toEqual([...described].sort());
});

test('it is well formed: references, ids, parameters, responses and schemas', () => {
  const document: Json = JSON.parse(JSON.stringify(openApiDocument()));
  expect(document.openapi).toMatch(/^3\.1\.\d$/);
  const schemas = (document.components as { readonly schemas: Json }).schemas;
  const faults: string[] = [];
  const used = new Set<string>();
  for (const [path, object] of objectsOf(document)) {
    if (typeof object.$ref === 'string') {
      const name = object.$ref.replace('#/components/schemas/', '');
      used.add(name);
      if (!Object.hasOwn(schemas, name)) faults.push(`${path} refers to ${object.$ref}`);
    }
    // Words of JSON Schema 2020-12 alone: those of OpenAPI 3.0 mean nothing in 3.1.
    if (path.startsWith('#/components/schemas') && !path.endsWith('/properties')) {
      if ('nullable' in object || '$schema' in object) faults.push(`${path} has a word of another version`);
      if (Array.isArray(object.required) && isObject(object.properties)) {
        for (const key of object.required) {
          if (!Object.hasOwn(object.properties, String(key)))
            faults.push(`${path} requires ${key}, which it does not have`);
        }
      }
    }
  }
  const ids: string[] = [];
  for (const [path, methods] of Object.entries(
    document.paths as Readonly<Record<string, Readonly<Record<string, Json>>>>,
  )) {
    for (const [method, operation] of Object.entries(methods)) {
      ids.push(String(operation.operationId));
      const parameters = operation.parameters as readonly Json[];
      const inPath = parameters.filter((each) => each.in === 'path').map(({ name }) => `{${name}}`);
      if (inPath.join() !== (path.match(/\{\w+\}/g) ?? []).join()) faults.push(`${method} ${path} lacks a parameter`);
      for (const [status, response] of Object.entries(operation.responses as Readonly<Record<string, Json>>)) {
        if (!/^[1-5]\d\d$/.test(status)) faults.push(`${method} ${path} answers ${status}`);
        if (typeof response.description !== 'string' || response.description === '')
          faults.push(`${method} ${path} ${status} is not described`);
      }
    }
  }
  expect(faults).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
  // What goes over the socket is named in words, since OpenAPI describes no messages.
  expect(
    Object.keys(schemas)
      .filter((name) => !used.has(name))
      .sort(),
  ).toEqual(['SocketAnswer', 'SocketMessage']);
});
