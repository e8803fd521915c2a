import type { Clock, SteadyClock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { FrameStream } from '@karmesh/sdk/network';
import type { Signer } from '@karmesh/sdk/signer';
import type { ChallengeProver } from '../engines/challengeProver.ts';
import type { Engine } from '../engines/engine.ts';
import { type AuditOutcome, auditSession } from './auditSession.ts';
import type { Offer } from './checkDispatch.ts';
import {
  inferSession,
  type Pause,
  type SessionLimits,
  type SessionOutcome,
  type WorkerStage,
  type WorkerStageAbout,
} from './inferSession.ts';
import { lanes } from './lanes.ts';
import { proofPlaces } from './proofPlaces.ts';
import { runMeter } from './runMeter.ts';
import { seenNumbers } from './seenNumbers.ts';
import type { AuditStore, ReceiptLog } from './stores.ts';
import type { WorkerChain } from './workerChain.ts';

export interface WorkerOptions {
  /** Requests that the engine runs at once. */
  readonly maxConcurrent: number;
  /** Requests that may wait for the engine; more are refused. */
  readonly maxQueue: number;
  /** W-21: answers of `proof` requests that may be under challenge at once; more are refused, as all are without a prover. */
  readonly maxProofs: number;
  readonly limits: SessionLimits;
}

export interface WorkerParts {
  readonly engine: Engine;
  readonly signer: Signer;
  readonly chain: WorkerChain;
  readonly receipts: ReceiptLog;
  readonly audits: AuditStore;
  /** Proves challenged tokens of `proof` requests, for engines whose models have keys. */
  readonly prover?: ChallengeProver | undefined;
  /** W-21: whether validators have admitted its keys; they have unless told. */
  readonly areKeysAdmitted?: (() => boolean) | undefined;
  /** W-21: answers of `proof` requests that an earlier process gave, by epoch; none unless told. */
  readonly owedProofs?: ReadonlyMap<bigint, number> | undefined;
  readonly clock: Clock;
  /** W-23: by which it is told how long ago something was sent. */
  readonly steady: SteadyClock;
  readonly random: (length: number) => Uint8Array;
  /** W-18: says while its operator's limits forbid new work; they never do unless told. */
  readonly pause?: () => Pause | undefined;
  /** W-19: whether the operator lets this gateway in, by its account; all are unless told. */
  readonly isGranted?: (gateway: Uint8Array) => boolean;
  readonly onInfer?: (outcome: SessionOutcome) => void;
  readonly onAudit?: (outcome: AuditOutcome) => void;
  readonly onStage?: (stage: WorkerStage, about: WorkerStageAbout) => void;
}

/** What a worker has in hand, what it takes, and how fast it is. */
export interface WorkerLoad {
  readonly active: number;
  readonly waiting: number;
  readonly maxActive: number;
  readonly maxWaiting: number;
  /** Of one request, by the last answers; 0 before the first. */
  readonly milliTokensPerSecond: number;
}

/** A worker of the market: what it answers on its two protocols. It opens no connection by itself. */
export interface Worker {
  /** Serves one stream of `/karmesh/infer/3`, and says how that ended. */
  serveInfer(stream: FrameStream): Promise<SessionOutcome>;
  /** Serves one stream of `/karmesh/audit/1`. */
  serveAudit(stream: FrameStream): Promise<void>;
  load(): WorkerLoad;
  /** W-17: deletes what is kept of answers that no audit can draw any more; `settled` is the newest epoch of which, and of all before, none can be. */
  prune(settled: bigint): Promise<void>;
  /** Takes no more work, lets what runs finish until the signal comes, then stops it. */
  stop(options: { readonly signal: AbortSignal }): Promise<void>;
}

export const worker =
  (options: WorkerOptions) =>
  (parts: WorkerParts): Worker => {
    const description = parts.engine.describe();
    const offer: Offer = {
      modelId: description.modelId,
      engineClass: description.engineClassId,
      activeParameters: description.manifest.activeParameters,
      contextSize: description.contextSize,
      countPrompt({ messages, temperatureMicro }) {
        if (temperatureMicro > 0 && description.greedyOnly === true)
          throw new KarmeshError('REQUEST_REFUSED', 'This worker’s engine answers at temperature 0 alone.', {
            temperatureMicro,
          });
        return parts.engine.applyTemplate(messages).length;
      },
    };
    const draining = new AbortController();
    const stopping = new AbortController();
    const queue = lanes(options);
    const pace = runMeter();
    const infer = inferSession(options.limits);
    const { maxProofs } = options;
    const session = {
      ...parts,
      offer,
      lanes: queue,
      pace,
      seen: seenNumbers(),
      proofs:
        maxProofs > 0 && parts.prover !== undefined
          ? {
              ...proofPlaces({ maxProofs })({ chain: parts.chain, owed: parts.owedProofs }),
              positions: parts.prover.positions,
              isOpen: parts.areKeysAdmitted ?? (() => true),
            }
          : undefined,
      draining: draining.signal,
      stopping: stopping.signal,
    };
    const running = new Set<Promise<unknown>>();

    const track = <T>(run: () => Promise<T>): Promise<T> => {
      const promise = run();
      running.add(promise);
      const forget = (): void => {
        running.delete(promise);
      };
      promise.then(forget, forget);
      return promise;
    };

    return {
      serveInfer: (stream) =>
        track(async () => {
          const outcome = await infer(session, stream);
          if (outcome.kind === 'revealed')
            pace.note({
              outputTokens: outcome.result.outputTokens.length,
              totalMs: outcome.result.timings.totalMs,
            });
          parts.onInfer?.(outcome);
          return outcome;
        }),
      serveAudit: (stream) =>
        track(async () => {
          const outcome = await auditSession(parts, stream);
          parts.onAudit?.(outcome);
        }),
      load: () => ({
        active: queue.active,
        waiting: queue.waiting,
        maxActive: options.maxConcurrent,
        maxWaiting: options.maxQueue,
        milliTokensPerSecond: pace.milliTokensPerSecond(),
      }),
      async prune(settled) {
        // An entry stands in the set of its epoch or of the next one, and is judged there or carried on.
        if (settled < 1n) return;
        await parts.audits.dropUpTo(settled - 1n);
        await parts.prover?.dropUpTo(settled - 1n);
      },
      async stop({ signal }) {
        draining.abort();
        const { promise: late, resolve } = Promise.withResolvers<void>();
        const onAbort = (): void => resolve();
        if (signal.aborted) onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        await Promise.race([Promise.allSettled(running), late]);
        signal.removeEventListener('abort', onAbort);
        stopping.abort();
        await Promise.allSettled(running);
      },
    };
  };
