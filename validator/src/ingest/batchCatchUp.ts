import { KarmeshError } from '@karmesh/sdk/errors';
import { type Announcement, askOnce, type Host } from '@karmesh/sdk/network';
import {
  BATCHES_PROTOCOL,
  batchesAnswerCodec,
  batchesAskCodec,
  decode,
  encode,
  equalBytes,
  type Identity,
  MAX_ANSWERED_BATCHES,
  MAX_BATCHES_FRAME_BYTES,
  type Participant,
  toHex,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { Ingest } from './ingest.ts';

export interface BatchCatchUpOptions {
  /** Milliseconds between two rounds, 5,000 unless told. */
  readonly everyMs?: number;
  /** Milliseconds between two rounds at least, however many gateways come back; 500 unless told. */
  readonly leastMs?: number;
  /** Milliseconds for one gateway's answer, 4,000 unless told. */
  readonly timeoutMs?: number;
}

export interface BatchCatchUpParts {
  readonly host: Pick<Host, 'announcements' | 'openStream' | 'onPeer'>;
  readonly ingest: Pick<Ingest, 'answered' | 'isBack' | 'knownTo'>;
  /** The addresses of the registered gateways. */
  readonly gateways: () => readonly Participant[];
  readonly currentEpoch: () => bigint | undefined;
  readonly sleep: (ms: number, options: { readonly signal: AbortSignal }) => Promise<void>;
  readonly log: Pick<Logger, 'debug'>;
}

/** Epochs behind the current one whose batches may still enter a set (E-35). */
const EPOCHS_BEHIND = 2n;
/** Answers that one round takes from one gateway. */
const MAX_PAGES = 16;

/**
 * I-09: asks every gateway, round after round, for the headers that gossip did not bring: gossip reaches who is there, and this validator
 * may have been away, or the gateway. One that comes back is asked at once: it may be gone again before the next round. Runs until the
 * signal aborts.
 */
export const batchCatchUp =
  ({ everyMs = 5000, leastMs = 500, timeoutMs = 4000 }: BatchCatchUpOptions = {}) =>
  (parts: BatchCatchUpParts) =>
  async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
    const { host, ingest, log } = parts;

    async function askPage(
      gateway: { readonly identity: Identity; readonly participant: Participant },
      epoch: bigint,
    ): Promise<number> {
      const own = { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) };
      const ask = encode(batchesAskCodec, { epoch, after: ingest.knownTo(gateway.participant) });
      const answer = await askOnce(
        host,
        { peer: gateway.identity, protocol: BATCHES_PROTOCOL, maxFrameBytes: MAX_BATCHES_FRAME_BYTES, ask },
        own,
      );
      const headers = answer === undefined ? [] : decode(batchesAnswerCodec, answer).headers;
      ingest.answered(gateway.participant, headers);
      return headers.length;
    }

    async function ask(gateway: { readonly identity: Identity; readonly participant: Participant }): Promise<void> {
      const current = parts.currentEpoch();
      if (current === undefined) return;
      const epoch = current > EPOCHS_BEHIND ? current - EPOCHS_BEHIND : 0n;
      try {
        for (let page = 0; page < MAX_PAGES; page++) {
          const before = ingest.knownTo(gateway.participant);
          const found = await askPage(gateway, epoch);
          // The last page, or one that could not all be taken now.
          if (found < MAX_ANSWERED_BATCHES || ingest.knownTo(gateway.participant) === before) return;
        }
      } catch (err) {
        if (signal.aborted || !(err instanceof KarmeshError)) throw err;
        log.debug({ err, gateway: toHex(gateway.participant) }, 'A gateway did not say which batches it made.');
      }
    }

    function gatewaysHeard(): readonly Announcement[] {
      const registered = parts.gateways();
      return host
        .announcements()
        .filter(
          ({ role, participant }) => role === 'gateway' && registered.some((one) => equalBytes(one, participant)),
        );
    }

    let wake = new AbortController();
    const leave = host.onPeer((event) => {
      if (event.kind !== 'connected') return;
      const back = gatewaysHeard().find(({ identity }) => equalBytes(identity, event.identity));
      if (back === undefined) return;
      ingest.isBack(back.participant);
      wake.abort();
    });
    const rest = async (): Promise<void> => {
      await parts.sleep(leastMs, { signal });
      if (signal.aborted) return;
      const woken = AbortSignal.any([signal, wake.signal]);
      await parts.sleep(everyMs - leastMs, { signal: woken });
      if (wake.signal.aborted) wake = new AbortController();
    };

    try {
      while (!signal.aborted) {
        try {
          await Promise.all(gatewaysHeard().map(ask));
        } catch (error) {
          if (!signal.aborted) throw error;
        }
        await rest();
      }
    } finally {
      leave();
    }
  };
