import type { FrameStream } from '@karmesh/sdk/network';
import {
  type Domain,
  encodeInferFrame,
  extendUsageChain,
  type Hash,
  signRecord,
  usageRecord,
} from '@karmesh/sdk/protocol';
import type { Signer } from '@karmesh/sdk/signer';
import type { TokenPiece } from '../engines/engine.ts';

export interface ChunkSender {
  /** Takes a piece; it leaves as soon as the one before it has. Pieces that wait for a slow reader leave together. */
  push(piece: TokenPiece): void;
  /** Resolves when all has left. Throws what sending threw. */
  flush(): Promise<void>;
}

/** W-14: in `stream`, every chunk of tokens goes out with a signed running usage over all tokens so far (F-16, F-23). */
export const chunkSender =
  (options: {
    readonly domain: Domain;
    readonly requestId: Hash;
    readonly dispatchHash: Hash;
    readonly worker: Uint8Array;
    readonly promptTokens: number;
    readonly signal: AbortSignal;
  }) =>
  (parts: { readonly signer: Signer; readonly stream: Pick<FrameStream, 'send'> }): ChunkSender => {
    const { domain, dispatchHash, worker, promptTokens, signal } = options;
    let outputChain = options.requestId;
    let outputTokens = 0;
    let sequence = 0;
    let tokens: number[] = [];
    let text = '';
    let sending: Promise<void> | undefined;
    let failed: { readonly cause: unknown } | undefined;

    const send = async (): Promise<void> => {
      while (tokens.length > 0) {
        const chunk = { tokens, text };
        tokens = [];
        text = '';
        outputChain = extendUsageChain(domain, outputChain, chunk.tokens);
        outputTokens += chunk.tokens.length;
        const usage = signRecord(
          usageRecord,
          { domain, signer: parts.signer },
          { dispatchHash, worker, sequence, promptTokens, outputTokens, outputChain },
        );
        sequence++;
        await parts.stream.send(encodeInferFrame({ type: 'chunk', ...chunk, usage }), { signal });
      }
    };

    return {
      push(piece) {
        tokens.push(...piece.tokens);
        text += piece.text;
        sending ??= send()
          .catch((cause: unknown) => {
            failed ??= { cause };
          })
          .finally(() => {
            sending = undefined;
          });
      },
      async flush() {
        while (sending !== undefined && failed === undefined) await sending;
        if (failed !== undefined) throw failed.cause;
        if (tokens.length > 0) await send();
      },
    };
  };
