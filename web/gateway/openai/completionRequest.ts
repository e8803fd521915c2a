import { REQUEST_LIMITS } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import { plainForm } from './answerForm.ts';
import type { AnswerRequest } from './answerRequest.ts';
import { invalidRequest } from './apiError.ts';
import { explainIssue } from './explainIssue.ts';
import { boundedText, MAX_CHOICES, nullish, readShared, sharedParameters, unsupportedShared } from './parameters.ts';

const prompt = z.string().min(1);

/** `POST /v1/completions`, OpenAI's older interface. */
export const completionSchema = z.strictObject({
  ...sharedParameters,
  prompt: z.union([prompt, z.array(prompt).min(1).max(MAX_CHOICES)]).meta({
    description:
      'Each text goes to the model as one message of the user, since workers put every conversation into the template.',
  }),
  // Accepted at the one value that changes nothing.
  echo: nullish(z.literal(false)),
  best_of: nullish(z.literal(1)),
  suffix: z.null().optional(),
  logprobs: z.null().optional(),
});

const unsupported: ReadonlySet<string> = new Set([...unsupportedShared, 'echo', 'best_of', 'suffix']);

/**
 * Parses the body of `POST /v1/completions`: each text of `prompt` has `n` choices, one text's after the other's.
 *
 * @throws ApiError 400 with the parameter at fault.
 */
export function parseCompletionRequest(body: unknown, assuranceHeader: string | undefined): AnswerRequest {
  const parsed = completionSchema.safeParse(body);
  if (!parsed.success) throw explainIssue(body, parsed.error, unsupported);
  const { data } = parsed;
  const prompts = typeof data.prompt === 'string' ? [data.prompt] : data.prompt;
  const n = data.n ?? 1;
  if (prompts.length * n > MAX_CHOICES) {
    throw invalidRequest(
      `Texts of 'prompt' times 'n' are ${prompts.length * n}; at most ${MAX_CHOICES} are allowed.`,
      'n',
    );
  }
  return {
    ...readShared(data, assuranceHeader),
    conversations: prompts.flatMap((each) => {
      const content = boundedText(each, REQUEST_LIMITS.contentBytes, 'prompt');
      return Array.from({ length: n }, () => [{ role: 'user' as const, content }]);
    }),
    maxTokens: data.max_tokens ?? undefined,
    needs: [],
    form: plainForm,
  };
}
