import { parseChatRequest } from '../openai/chatRequest.ts';
import { chatStyle } from '../openai/chatResponse.ts';
import { answerRoute } from './answerRoute.ts';

/** `POST /v1/chat/completions`, streaming and not, as https://platform.openai.com/docs/api-reference/chat has it. */
export const chatRoutes = answerRoute({ path: '/v1/chat/completions', style: chatStyle, parse: parseChatRequest });
