import { parseCompletionRequest } from '../openai/completionRequest.ts';
import { completionStyle } from '../openai/completionResponse.ts';
import { answerRoute } from './answerRoute.ts';

/** `POST /v1/completions`, streaming and not, as https://platform.openai.com/docs/api-reference/completions has it. */
export const completionRoutes = answerRoute({
  path: '/v1/completions',
  style: completionStyle,
  parse: parseCompletionRequest,
});
