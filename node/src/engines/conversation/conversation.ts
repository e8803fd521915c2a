import { KarmeshError } from '@karmesh/sdk/errors';
import type { ChatMessage } from '@karmesh/sdk/protocol';
import type { LlamaModel, Token } from 'node-llama-cpp';
import type { ModelFile } from '../../models/readModel.ts';
import type { GenerateOptions, ReplayOptions } from '../engine.ts';
import { answerStream, type TokenText } from './answerStream.ts';
import { chatWrapperFor, promptTokens } from './promptTokens.ts';

/** What a model file says about a conversation, whoever runs the model: its prompt, the text of its tokens, and where an answer ends. */
export interface Conversation {
  readonly text: TokenText;
  /** What the model's own turn ends with. */
  readonly endToken: number | undefined;
  /** The tokens of a text that follows on a prompt; nothing in it is read as a special token. */
  tokenise(text: string): readonly number[];
  /** Throws `CONTEXT_OVERFLOW` for a prompt that is far too long to tokenise. */
  applyTemplate(messages: readonly ChatMessage[]): readonly number[];
  /** The prompt and how many tokens the answer may have (S-06). Throws `CONTEXT_OVERFLOW`, `BAD_ARGUMENT`. */
  prepare(options: GenerateOptions): { readonly prompt: readonly number[]; readonly limit: number };
  /** S-06: whether the claimed tokens end exactly where they must, for the reason that is claimed. */
  endsRight(options: ReplayOptions, limit: number): boolean;
}

const DEFAULT_CONTEXT = 4096;

/** Tokens of prompt and answer together: what is wanted, else the model's own limit, at most 4096. Throws `BAD_ARGUMENT`. */
export function contextSizeFor(file: ModelFile, wanted: number | undefined): number {
  const { contextLength } = file.manifest;
  const size = wanted ?? Math.min(contextLength, DEFAULT_CONTEXT);
  if (!Number.isInteger(size) || size < 16 || size > contextLength)
    throw new KarmeshError('BAD_ARGUMENT', 'The context size must lie between 16 and what the model was made for.', {
      contextSize: size,
      modelContext: contextLength,
    });
  return size;
}

/** Only the model's vocabulary is used, so a model that was loaded without its weights will do. */
export function conversation(parts: {
  readonly model: LlamaModel;
  readonly file: ModelFile;
  readonly contextSize: number;
}): Conversation {
  const { model, file, contextSize } = parts;
  const wrapper = chatWrapperFor(model, file.template);
  const text: TokenText = {
    detokenize: (tokens, before) => model.detokenize(toTokens(tokens), false, toTokens(before)),
    isEnd: (token) => model.isEogToken(toToken(token)),
  };
  const maxPromptBytes = contextSize * (file.longestTokenBytes ?? Number.POSITIVE_INFINITY);
  // A worker counts a prompt before it takes the work and needs the tokens again when it begins.
  const templated = new WeakMap<readonly ChatMessage[], readonly number[]>();

  const applyTemplate: Conversation['applyTemplate'] = (messages) => {
    const known = templated.get(messages);
    if (known !== undefined) return known;
    const bytes = messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
    // Tokenising a megabyte takes over a second, in which this process would look dead to its peers.
    if (bytes > maxPromptBytes) throw overflow({ bytes, contextSize });
    const tokens = promptTokens({ model, wrapper, messages });
    templated.set(messages, tokens);
    return tokens;
  };

  return {
    text,
    endToken: model.tokens.eot ?? model.tokens.eos ?? undefined,
    tokenise: (answer) => model.tokenize(answer, false, 'trimLeadingSpace'),
    applyTemplate,
    prepare(options) {
      if (!Number.isInteger(options.maxTokens) || options.maxTokens < 1)
        throw new KarmeshError('BAD_ARGUMENT', 'An answer must be allowed at least one token.', {
          maxTokens: options.maxTokens,
        });
      const prompt = applyTemplate(options.messages);
      if (prompt.length >= contextSize) throw overflow({ promptTokens: prompt.length, contextSize });
      return { prompt, limit: Math.min(options.maxTokens, contextSize - prompt.length) };
    },
    endsRight(options, limit) {
      const answer = answerStream({ stops: options.stops, limit })(text);
      for (const [i, token] of options.outputTokens.entries()) {
        const { finishReason } = answer.push(token);
        if (finishReason !== undefined)
          return finishReason === options.finishReason && i === options.outputTokens.length - 1;
      }
      // W-22: where a gateway halts is its own affair, but nothing may have ended the answer before.
      return options.finishReason === 'halted' && options.outputTokens.length > 0;
    },
  };
}

function overflow(facts: Readonly<Record<string, number>>): KarmeshError {
  const sentence = 'The prompt leaves no room for an answer in the context of the model.';
  return new KarmeshError('CONTEXT_OVERFLOW', sentence, facts);
}

/** node-llama-cpp brands its numbers. */
export function toToken(token: number): Token {
  return token as Token;
}
function toTokens(tokens: readonly number[]): Token[] {
  return tokens as Token[];
}
