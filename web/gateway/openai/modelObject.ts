import { toHex } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import type { MarketModel } from '../market.ts';
import type { Abilities } from './abilities.ts';

/** What 1,000 tokens cost at present, in lamports. */
export type ModelPrices = { readonly prompt: bigint; readonly output: bigint };

const lamports = z.string().regex(/^\d+$/);

export const modelSchema = z.strictObject({
  id: z.string(),
  object: z.literal('model'),
  created: z.literal(0).meta({
    description:
      'A manifest has no date, because its hash would then differ between people who describe the same file.',
  }),
  owned_by: z.literal('karmesh'),
  context_length: z.int(),
  supported_parameters: z.array(z.string()).meta({ description: 'Of `POST /v1/chat/completions`.' }),
  pricing: z
    .strictObject({ unit: z.literal('lamports per 1,000 tokens'), prompt: lamports, completion: lamports })
    .optional()
    .meta({ description: 'At present; what an answer did cost is in its `karmesh` field.' }),
  karmesh: z.strictObject({
    modelId: z.string(),
    contextLength: z.int(),
    activeParameters: z.string(),
    quantisation: z.string(),
    licence: z.string(),
  }),
});
export const modelListSchema = z.strictObject({ object: z.literal('list'), data: z.array(modelSchema) });

const PLAIN = [
  'max_completion_tokens',
  'max_tokens',
  'metadata',
  'n',
  'stop',
  'stream',
  'stream_options',
  'temperature',
  'user',
];
const WITH_TOOLS = ['parallel_tool_calls', 'tool_choice', 'tools'];
const WITH_JSON = ['response_format', 'structured_outputs'];

/** A model as `GET /v1/models` shows it. `structured_outputs` stands for a `response_format` with a schema, as on other markets. */
export function modelObject(
  { modelId, manifest }: MarketModel,
  known: { readonly abilities: Abilities | undefined; readonly prices: ModelPrices | undefined },
): z.output<typeof modelSchema> {
  const can = known.abilities?.get(manifest.name);
  const { prices } = known;
  return {
    id: manifest.name,
    object: 'model',
    created: 0,
    owned_by: 'karmesh',
    context_length: manifest.contextLength,
    supported_parameters: [
      ...PLAIN,
      ...(can?.has('tools') === true ? WITH_TOOLS : []),
      ...(can?.has('json') === true ? WITH_JSON : []),
    ].sort(),
    ...(prices === undefined
      ? {}
      : {
          pricing: {
            unit: 'lamports per 1,000 tokens' as const,
            prompt: prices.prompt.toString(),
            completion: prices.output.toString(),
          },
        }),
    karmesh: {
      modelId: toHex(modelId),
      contextLength: manifest.contextLength,
      activeParameters: manifest.activeParameters.toString(),
      quantisation: manifest.quantisation,
      licence: manifest.licence,
    },
  };
}
