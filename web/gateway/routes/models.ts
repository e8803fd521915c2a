import { toHex } from '@karmesh/sdk/protocol';
import { Hono } from 'hono';
import type { Market, MarketModel } from '../market.ts';
import { type Authenticated, authenticate } from '../middleware/authenticate.ts';
import { modelNotFound } from '../openai/apiError.ts';
import type { KeyHash } from '../store/apiKeys.ts';

/** `GET /v1/models` and `GET /v1/models/:model`. */
export const modelRoutes = (parts: { readonly market: Market; findKey(key: string): Promise<KeyHash | undefined> }) =>
  new Hono<Authenticated>()
    .use('/v1/models', authenticate(parts))
    .use('/v1/models/*', authenticate(parts))
    .get('/v1/models', (context) => context.json({ object: 'list', data: parts.market.models().map(modelObject) }))
    .get('/v1/models/:model{.+}', (context) => {
      const name = context.req.param('model');
      const model = parts.market.models().find(({ manifest }) => manifest.name === name);
      if (model === undefined) throw modelNotFound(name);
      return context.json(modelObject(model));
    });

function modelObject({ modelId, manifest }: MarketModel) {
  return {
    id: manifest.name,
    object: 'model' as const,
    // A manifest has no date, because its hash would then differ between people who describe the same file.
    created: 0,
    owned_by: 'karmesh',
    karmesh: {
      modelId: toHex(modelId),
      contextLength: manifest.contextLength,
      activeParameters: manifest.activeParameters.toString(),
      quantisation: manifest.quantisation,
      licence: manifest.licence,
    },
  };
}
