import { Hono } from 'hono';
import type { Market, MarketModel } from '../market.ts';
import { type Authenticated, authenticate } from '../middleware/authenticate.ts';
import type { Abilities } from '../openai/abilities.ts';
import { modelNotFound } from '../openai/apiError.ts';
import { type ModelPrices, modelObject } from '../openai/modelObject.ts';
import type { FoundKey } from '../store/apiKeys.ts';

export type ModelParts = {
  readonly market: Pick<Market, 'models'>;
  findKey(key: string): Promise<FoundKey | undefined>;
  /** What a model costs at present; undefined where nobody knows, as before the first epoch. */
  prices?(model: MarketModel): ModelPrices | undefined;
};

/** `GET /v1/models` and `GET /v1/models/:model`. */
export const modelRoutes = (options: { readonly abilities?: Abilities | undefined }) => (parts: ModelParts) => {
  const shown = (model: MarketModel) =>
    modelObject(model, { abilities: options.abilities, prices: parts.prices?.(model) });
  return new Hono<Authenticated>()
    .use('/v1/models', authenticate(parts))
    .use('/v1/models/*', authenticate(parts))
    .get('/v1/models', (context) => context.json({ object: 'list', data: parts.market.models().map(shown) }))
    .get('/v1/models/:model{.+}', (context) => {
      const name = context.req.param('model');
      const model = parts.market.models().find(({ manifest }) => manifest.name === name);
      if (model === undefined) throw modelNotFound(name);
      return context.json(shown(model));
    });
};
