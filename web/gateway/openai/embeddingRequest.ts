import { z } from 'zod';
import { type ApiError, invalidRequest } from './apiError.ts';
import { explainIssue } from './explainIssue.ts';
import { nullish } from './parameters.ts';

const tokens = z.array(z.int().min(0)).min(1).max(2048);

/** `POST /v1/embeddings`, which no engine of the market gives. */
export const embeddingSchema = z.strictObject({
  model: z.string().min(1).max(256),
  input: z.union([
    z.string().min(1),
    z.array(z.string().min(1)).min(1).max(2048),
    tokens,
    z.array(tokens).min(1).max(2048),
  ]),
  encoding_format: nullish(z.enum(['float', 'base64'])),
  dimensions: nullish(z.int().min(1)),
  user: nullish(z.string().max(512)),
});

/** What is wrong with the body of `POST /v1/embeddings`; if nothing is, that there are no embeddings here. */
export function refuseEmbeddings(body: unknown): ApiError {
  const parsed = embeddingSchema.safeParse(body);
  if (!parsed.success) return explainIssue(body, parsed.error, new Set());
  return invalidRequest(
    'Embeddings are not sold here: no engine of this market gives them, and the protocol has no receipt for them.',
    null,
    'unsupported',
  );
}
