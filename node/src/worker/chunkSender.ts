import type { Clock } from '@karmesh/sdk/clock';
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
import type { Halting } from './halting.ts';

export interface ChunkSender {
  /** Takes a piece. The first leaves at once; what comes within the pace, or while the reader is slow, leaves together. */
  push(piece: TokenPiece): void;
  /** Resolves when all has left that is still to leave. Throws what sending threw. */
  flush(): Promise<void>;
}

/**
 * Milliseconds between two chunks at least: 30 a second look fluent, and a signature, a frame and an event for each token of a fast
 * model would cost more than the model. Only the first drawn is shown while it keeps up; the others stand by.
 */
const PACE_MS = { first: 33, standby: 200 } as const;

/**
 * W-14: in `stream`, every chunk of tokens goes out with a signed running usage over all tokens so far (F-16, F-23). W-22: from a halt on
 * nothing leaves, since nobody reads it.
 */
export const chunkSender =
  (options: {
    readonly domain: Domain;
    readonly requestId: Hash;
    readonly dispatchHash: Hash;
    readonly worker: Uint8Array;
    readonly promptTokens: number;
    /** Whether this worker is the first of the draw. */
    readonly isFirst: boolean;
    readonly signal: AbortSignal;
  }) =>
  (parts: {
    readonly signer: Signer;
    readonly clock: Clock;
    readonly stream: Pick<FrameStream, 'send'>;
    readonly halt: Pick<Halting, 'at' | 'sent'>;
  }): ChunkSender => {
    const { domain, dispatchHash, worker, promptTokens, signal } = options;
    const paceMs = options.isFirst ? PACE_MS.first : PACE_MS.standby;
    let outputChain = options.requestId;
    let outputTokens = 0;
    let sequence = 0;
    let tokens: number[] = [];
    let text = '';
    let sending: Promise<void> | undefined;
    let failed: { readonly cause: unknown } | undefined;
    let isFlushing = false;
    let hurry = (): void => undefined;

    const pace = (): Promise<void> =>
      new Promise((resolve) => {
        const silence = parts.clock.alarm(paceMs, resolve);
        hurry = () => {
          silence();
          resolve();
        };
      });

    const send = async (): Promise<void> => {
      while (tokens.length > 0 && parts.halt.at === undefined) {
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
        parts.halt.sent(outputTokens);
        if (!isFlushing) await pace();
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
        isFlushing = true;
        hurry();
        while (sending !== undefined && failed === undefined) await sending;
        if (failed !== undefined) throw failed.cause;
        if (tokens.length > 0) await send();
      },
    };
  };
