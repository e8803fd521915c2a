import { z } from 'zod';
import { errorSchema } from '../openai/responseSchemas.ts';
import {
  answerHeaders,
  answerSchemas,
  type Content,
  type Operation,
  operations,
  requestHeaders,
  requestSchemas,
} from './operations.ts';

const SENTENCES: Readonly<Record<number, string>> = {
  400: 'The request cannot succeed as it stands; `param` names what is wrong.',
  401: 'No API key, session or signature where one is needed, or one that is not valid.',
  402: 'What pays for the request does not hold enough.',
  404: 'There is no such thing.',
  405: 'The path has other methods.',
  408: 'The body came too slowly.',
  409: 'A request with this idempotency key is under way, or its answer is in its bundle alone.',
  413: 'The body is too large.',
  415: 'The body is not JSON, or compressed.',
  422: 'The idempotency key was used for another request.',
  426: 'This is a door for WebSockets.',
  429: 'Too often, too much at once, or the market is full.',
  500: 'A fault of the gateway.',
  502: 'No two workers agreed.',
  503: 'It cannot be done now.',
  504: 'Workers took too long.',
};
const ERROR_HEADERS: Readonly<Record<number, readonly (keyof typeof answerHeaders)[]>> = {
  401: ['www-authenticate'],
  405: ['allow'],
  409: ['retry-after'],
  429: ['retry-after', 'x-ratelimit-limit-requests', 'x-ratelimit-remaining-requests', 'x-ratelimit-reset-requests'],
  503: ['retry-after'],
};

/** Of leaves; fifteen digits. */
const MAX_COUNT = 999_999_999_999_999;

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** The gateway's HTTP interface as an OpenAPI 3.1 document, from the schemas that parse requests and type answers. */
export function openApiDocument() {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: operationObject(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Karmesh gateway',
      version: '1',
      description: 'An OpenAI-compatible door to the market. Generated from the schemas that the gateway runs with.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer' },
        session: { type: 'http', scheme: 'bearer', description: 'The token of a wallet that has logged in.' },
      },
      schemas: {
        ...schemasOf(requestSchemas, 'input'),
        ...schemasOf(answerSchemas, 'output'),
        ...schemasOf({ Error: errorSchema }, 'output'),
      },
    },
  };
}

function schemasOf(schemas: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output') {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, schemaObject(schema, io)]));
}

/** OpenAPI 3.1 takes JSON Schema 2020-12 as it is; which one it is stands in the document once. */
function schemaObject(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io });
  return rest;
}

function operationObject(operation: Operation): object {
  const { body, content, description, errors, hasKey, hasSession = false, id, status = 200, summary } = operation;
  const answered = {
    description: summary,
    headers: headersOf(operation.answerHeaders ?? []),
    ...(content.length === 0 ? {} : { content: Object.assign({}, ...content.map(contentObject)) }),
  };
  // What is always refused has no answer.
  const success = content.length === 0 && status === 200 ? {} : { [status]: answered };
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    security: [...(hasKey ? [{ apiKey: [] }] : []), ...(hasSession ? [{ session: [] }] : [])],
    parameters: [
      ...pathParameters(operation.path),
      ...queryParameters(operation.query ?? {}),
      ...headerParameters(operation.requestHeaders ?? []),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: ref(body) } } } }),
    responses: { ...success, ...Object.fromEntries(errors.map((each) => [each, errorObject(each, content)])) },
  };
}

function contentObject(content: Content): object {
  if ('json' in content) return { 'application/json': { schema: ref(content.json) } };
  if ('events' in content) return { 'text/event-stream': { schema: eventSchema(content.events) } };
  return { [content.text]: { schema: { type: 'string' } } };
}

/** One event of a stream. OpenAPI 3.1 has no word for streams; tools read the schema as that of each event, and its data as text. */
function eventSchema(name: keyof typeof answerSchemas): object {
  const data = { type: 'string', contentMediaType: 'application/json', contentSchema: ref(name) };
  return { type: 'object', properties: { data }, required: ['data'] };
}

/** Health is told in its own object, good or bad. */
function errorObject(status: number, content: readonly Content[]): object {
  const isHealth = content.some((each) => 'json' in each && each.json === 'Health') && status === 503;
  return {
    description: SENTENCES[status] ?? '',
    headers: headersOf(isHealth ? [] : (ERROR_HEADERS[status] ?? [])),
    content: { 'application/json': { schema: ref(isHealth ? 'Health' : 'Error') } },
  };
}

function headersOf(names: readonly (keyof typeof answerHeaders)[]): object {
  return Object.fromEntries(
    names.map((name) => [name, { description: answerHeaders[name], schema: { type: 'string' } }]),
  );
}

function pathParameters(path: string): readonly object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', ...patternOf(name) },
  }));
}

const HASH = '^[0-9a-f]{64}$';
const PATTERNS: Readonly<Record<string, string>> = {
  hash: HASH,
  requestId: HASH,
  epoch: '^([0-9]{1,20}|latest)$',
  participant: '^[1-9A-HJ-NP-Za-km-z]{32,44}$',
};

function patternOf(name = ''): { readonly pattern?: string } {
  const pattern = PATTERNS[name];
  return pattern === undefined ? {} : { pattern };
}

function queryParameters(query: Readonly<Record<string, string>>): readonly object[] {
  const schema = { type: 'integer', minimum: 0, maximum: MAX_COUNT };
  return Object.entries(query).map(([name, description]) => ({
    name,
    in: 'query',
    required: true,
    description,
    schema,
  }));
}

function headerParameters(names: readonly (keyof typeof requestHeaders)[]): readonly object[] {
  return names.map((name) => {
    const { description, schema } = requestHeaders[name];
    return { name, in: 'header', required: false, description, schema: schemaObject(schema, 'input') };
  });
}
