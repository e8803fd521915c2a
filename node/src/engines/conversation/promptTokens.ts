import { KarmeshError } from '@karmesh/sdk/errors';
import type { ChatMessage } from '@karmesh/sdk/protocol';
import {
  type ChatHistoryItem,
  type ChatWrapper,
  JinjaTemplateChatWrapper,
  type LlamaModel,
  resolveChatWrapper,
} from 'node-llama-cpp';

/** The chat template of a model: its own if the file has one, else what node-llama-cpp takes for its architecture. */
export function chatWrapperFor(model: LlamaModel, template: string | undefined): ChatWrapper {
  if (template === undefined) return resolveChatWrapper(model);
  try {
    return new JinjaTemplateChatWrapper({ template, tokenizer: model.tokenizer });
  } catch (cause) {
    throw new KarmeshError('MODEL_INVALID', 'The chat template of the model file cannot be used.', {}, cause);
  }
}

/**
 * The prompt of a conversation, ready for the model's next turn. What users wrote is tokenised as plain text: a message that spells
 * out `<|im_end|>` cannot end its own turn.
 */
export function promptTokens(options: {
  readonly model: LlamaModel;
  readonly wrapper: ChatWrapper;
  readonly messages: readonly ChatMessage[];
}): readonly number[] {
  const { model, wrapper, messages } = options;
  const chatHistory: ChatHistoryItem[] = messages.map(({ role, content }) => {
    if (role === 'assistant') return { type: 'model', response: [content] };
    return { type: role, text: content };
  });
  chatHistory.push({ type: 'model', response: [] });
  let tokens: number[];
  try {
    const { contextText } = wrapper.generateContextState({ chatHistory });
    tokens = contextText.tokenize(model.tokenizer);
  } catch (cause) {
    throw new KarmeshError(
      'ENGINE_FAILED',
      'The chat template refused the conversation.',
      { messages: messages.length },
      cause,
    );
  }
  const bos = model.tokens.shouldPrependBosToken ? model.tokens.bos : null;
  return bos !== null && tokens[0] !== bos ? [bos, ...tokens] : tokens;
}
