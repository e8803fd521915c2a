import { KarmeshError } from '@karmesh/sdk/errors';
import { answerOnce, askOnce, type Host } from '@karmesh/sdk/network';
import {
  decode,
  encode,
  equalBytes,
  LOG_PROTOCOL,
  logAnswerCodec,
  logAskCodec,
  MAX_LOG_FRAME_BYTES,
  toHex,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { type CosignParts, cosigner } from './cosign.ts';
import { cosignerPath, openCosignerStore } from './cosignerStore.ts';

export type OpenCosignerOptions = {
  /** The validator's data folder. */
  readonly folder: string;
  /** Milliseconds between two looks at what another validator cosigned. */
  readonly compareMs: number;
};

export type OpenCosignerParts = Omit<CosignParts, 'store' | 'log'> & {
  readonly host: Pick<Host, 'handle' | 'openStream' | 'announcements' | 'identity'>;
  readonly sleep: (ms: number, options: { readonly signal: AbortSignal }) => Promise<void>;
  readonly log: Pick<Logger, 'debug' | 'warn' | 'error'>;
};

const ASK_MS = 4_000;

/**
 * Serves `/karmesh/log/1` and holds what other validators cosigned against its own, one of them at a time (G-22).
 *
 * @throws KarmeshError `STORE_FAILED`, `DISK_FULL`
 */
export const openCosigner =
  ({ folder, compareMs }: OpenCosignerOptions) =>
  async (parts: OpenCosignerParts): Promise<AsyncDisposable> => {
    const { host, sleep, log } = parts;
    await using stack = new AsyncDisposableStack();
    const store = stack.use(openCosignerStore(cosignerPath(folder)));
    const own = cosigner({ ...parts, store });
    stack.defer(
      await answerOnce(host, {
        protocol: LOG_PROTOCOL,
        maxStreams: 64,
        maxStreamsPerPeer: 4,
        maxFrameBytes: MAX_LOG_FRAME_BYTES,
        answer: (ask, remote) => encode(logAnswerCodec, own.answer(decode(logAskCodec, ask), remote)),
      }),
    );

    const compareWith = async (peer: Uint8Array, signal: AbortSignal): Promise<void> => {
      const ask = encode(logAskCodec, { what: 'latest', oldSize: 0n, path: [], checkpoint: '' });
      const request = { peer, protocol: LOG_PROTOCOL, maxFrameBytes: MAX_LOG_FRAME_BYTES, ask };
      try {
        const timed = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
        const answer = await askOnce(host, request, { signal: timed });
        if (answer !== undefined) for (const note of decode(logAnswerCodec, answer).checkpoints) own.compare(note);
      } catch (err) {
        if (!(err instanceof KarmeshError)) throw err;
        log.debug({ err, peer: toHex(peer) }, 'A validator did not say which logs it cosigned.');
      }
    };

    const stopped = new AbortController();
    const { signal } = stopped;
    const run = async (): Promise<void> => {
      for (let turn = 0; !signal.aborted; turn++) {
        // Waiting ends early, and with an error, only when it is stopped.
        await sleep(compareMs, { signal }).catch(() => {});
        if (signal.aborted) return;
        const others = host
          .announcements()
          .filter(({ role, identity }) => role === 'validator' && !equalBytes(identity, host.identity));
        const other = others[turn % Math.max(1, others.length)];
        if (other === undefined) continue;
        try {
          await compareWith(other.identity, signal);
        } catch (err) {
          log.error({ err }, 'What another validator cosigned could not be looked at.');
        }
      }
    };
    const running = run();
    stack.defer(async () => {
      stopped.abort();
      await running;
    });
    const owned = stack.move();
    return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
  };
