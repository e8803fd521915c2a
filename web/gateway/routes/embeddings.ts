import { Hono } from 'hono';
import { type Authenticated, authenticate } from '../middleware/authenticate.ts';
import { refuseEmbeddings } from '../openai/embeddingRequest.ts';
import { parseJson } from '../openai/parseJson.ts';
import { type BodyLimits, readBody } from '../openai/readBody.ts';
import type { FoundKey } from '../store/apiKeys.ts';

/** `POST /v1/embeddings`: says that there are none, and before that whatever is wrong with the request. */
export const embeddingRoutes =
  (options: BodyLimits) => (parts: { findKey(key: string): Promise<FoundKey | undefined> }) =>
    new Hono<Authenticated>().use('/v1/embeddings', authenticate(parts)).post('/v1/embeddings', async (context) => {
      throw refuseEmbeddings(parseJson(await readBody(context.req.raw, options)));
    });
