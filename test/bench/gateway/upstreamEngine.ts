import type { Engine } from '../../../node/src/engines/engine.ts';
import { scriptedEngine } from './scriptedEngine.ts';
import { askUpstream, PIECES, PROMPT_TOKENS } from './upstream.ts';

/** An engine that asks the mock upstream: of a stream each piece is a token. */
export const upstreamEngine = (url: string, options: { readonly sequences: number }): Engine =>
  scriptedEngine({
    ...options,
    pieces: PIECES,
    promptTokens: PROMPT_TOKENS,
    say: ({ isStream, messages, signal }) => askUpstream(url, { stream: isStream, messages, signal }),
  });
