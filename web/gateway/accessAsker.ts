import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import { askOnce, type Host } from '@karmesh/sdk/network';
import {
  ACCESS_PROTOCOL,
  accessAnswerCodec,
  accessAskCodec,
  decode,
  type Entry,
  encode,
  type Identity,
  MAX_ACCESS_FRAME_BYTES,
  toHex,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';

export type AccessAskerOptions = {
  /** How long one worker is not asked again, in milliseconds. */
  readonly everyMs: number;
  /** For its answer. */
  readonly timeoutMs: number;
};

export type AccessAskerParts = {
  readonly host: Pick<Host, 'openStream'>;
  /** The identity of a worker's account. */
  readonly identityOf: (worker: Uint8Array) => Identity | undefined;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Pick<Logger, 'info' | 'debug'>;
};

export type AccessAsker = {
  /** W-20: asks the workers of an entry that refused for want of access. Resolves when all have answered or were given up. */
  onEntry(entry: Entry): Promise<void>;
};

/** Asks closed workers to let this gateway in, each once in a while: their operators answer when they get to it. */
export const accessAsker =
  ({ everyMs, timeoutMs }: AccessAskerOptions) =>
  ({ host, identityOf, clock, log }: AccessAskerParts): AccessAsker => {
    const askedAtMs = new Map<string, number>();

    const ask = async (worker: Uint8Array): Promise<void> => {
      const peer = identityOf(worker);
      const lastMs = askedAtMs.get(toHex(worker));
      if (peer === undefined || (lastMs !== undefined && clock.nowMs() - lastMs < everyMs)) return;
      askedAtMs.set(toHex(worker), clock.nowMs());
      const request = {
        peer,
        protocol: ACCESS_PROTOCOL,
        maxFrameBytes: MAX_ACCESS_FRAME_BYTES,
        ask: encode(accessAskCodec, 'access'),
      };
      try {
        const answer = await askOnce(host, request, { signal: AbortSignal.timeout(timeoutMs) });
        if (answer === undefined) return;
        log.info(
          { worker: toHex(worker), answer: decode(accessAnswerCodec, answer) },
          'A worker was asked for access.',
        );
      } catch (err) {
        if (!(err instanceof KarmeshError)) throw err;
        log.debug({ err, worker: toHex(worker) }, 'A worker that is not open to all could not be asked for access.');
      }
    };

    return {
      async onEntry({ evidence }) {
        const closed = evidence.refusals.filter(({ value }) => value.reason === 'no-access');
        await Promise.all(closed.map(({ value }) => ask(value.worker)));
      },
    };
  };
