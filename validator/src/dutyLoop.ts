import { KarmeshError } from '@karmesh/sdk/errors';
import { programErrorName } from '@karmesh/sdk/program';
import type { Logger } from '@karmesh/sdk/runtime';
import type { Duty, DutyKind } from './duties.ts';
import type { DutyResult } from './epoch/dutyParts.ts';

export interface DutyLoopOptions {
  /** Milliseconds between two looks at the chain. */
  readonly pollMs: number;
  /** Milliseconds that one run of a duty may take, 30,000 unless told; the duty tells where its epoch is large. */
  readonly dutyTimeoutMs?: number | ((duty: Duty) => number);
}

export interface DutyLoopParts {
  /** Looks at the chain and does what every look brings. Throws what the RPC throws. */
  readonly look: (options: { readonly signal: AbortSignal }) => Promise<void>;
  readonly slot: () => bigint;
  readonly duties: () => readonly Duty[];
  readonly run: (duty: Duty, options: { readonly signal: AbortSignal }) => Promise<DutyResult>;
  /** Resolves after the time or when the signal aborts. */
  readonly sleep: (ms: number, options: { readonly signal: AbortSignal }) => Promise<void>;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
  /** Called with `KIND:due` before a duty runs and `KIND:OUTCOME` after it. */
  readonly onStage?: ((stage: string, about: { readonly epoch: bigint }) => void) | undefined;
  /** Milliseconds of a clock that never runs backwards. */
  readonly nowMs: () => number;
  readonly observe: (run: {
    readonly kind: DutyKind;
    readonly outcome: DutyResult | 'failed';
    /** From when it first came due, once it is done. */
    readonly seconds?: number;
  }) => void;
}

/** How many slots a duty rests after a run: what was done shows on chain by then, what waits is asked again soon. */
const REST_SLOTS: Readonly<Record<DutyResult | 'failed', bigint>> = {
  done: 6n,
  waiting: 1n,
  refused: 150n,
  failed: 3n,
};

/** Errors that say what is known anyway: the chain moved on, or another validator was faster. The next look shows it. */
const EXPECTED = new Set([
  'AlreadyVoted',
  'AlreadySettled',
  'AlreadyClaimed',
  'BadState',
  'TooEarly',
  'TooLate',
  'NotProposer',
  'WrongManifest',
  'StaleRoot',
  'StalePrior',
  'NotSettled',
  'WrongEpoch',
  'AlreadyInitialised',
]);

/** Runs duties as they come due, at most one of a kind at a time, until the signal aborts. A cluster that is down is waited for. */
export const dutyLoop =
  ({ pollMs, dutyTimeoutMs = 30_000 }: DutyLoopOptions) =>
  (parts: DutyLoopParts) =>
  async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
    const { log } = parts;
    /** Node refuses parts of a millisecond. */
    const timeoutOf = (duty: Duty): number =>
      Math.ceil(typeof dutyTimeoutMs === 'number' ? dutyTimeoutMs : dutyTimeoutMs(duty));
    const running = new Map<DutyKind, Promise<void>>();
    const restUntil = new Map<string, bigint>();
    /** Since when what is not done yet is due. */
    const dueSince = new Map<string, number>();
    let isReachable = true;

    async function runOne(duty: Duty): Promise<void> {
      const about = { epoch: duty.epoch };
      parts.onStage?.(`${duty.kind}:due`, about);
      const key = keyOf(duty);
      if (dueSince.size > 1024) dueSince.clear();
      const since = dueSince.get(key) ?? parts.nowMs();
      dueSince.set(key, since);
      const outcome = await attempt(duty);
      parts.onStage?.(`${duty.kind}:${outcome}`, about);
      const isDone = outcome === 'done';
      if (isDone) dueSince.delete(key);
      parts.observe({ kind: duty.kind, outcome, ...(isDone ? { seconds: (parts.nowMs() - since) / 1000 } : {}) });
      if (restUntil.size > 1024) restUntil.clear();
      restUntil.set(key, parts.slot() + REST_SLOTS[outcome]);
      running.delete(duty.kind);
    }

    async function attempt(duty: Duty): Promise<DutyResult | 'failed'> {
      const facts = { duty: duty.kind, epoch: duty.epoch.toString() };
      const retry = `after ${REST_SLOTS.failed} slots, while it is due`;
      try {
        return await parts.run(duty, {
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutOf(duty))]),
        });
      } catch (err) {
        if (signal.aborted) return 'failed';
        const refusal = programErrorName(err);
        if (refusal !== undefined && EXPECTED.has(refusal)) log.info({ ...facts, refusal }, 'The chain had moved on.');
        else if (isTransient(err)) log.warn({ ...facts, retry, err }, 'A duty failed and is tried again.');
        else log.error({ ...facts, retry, err }, 'A duty failed.');
        return 'failed';
      }
    }

    async function look(): Promise<boolean> {
      try {
        await parts.look({ signal });
        if (!isReachable) log.info({}, 'The cluster answers again.');
        isReachable = true;
        return true;
      } catch (err) {
        if (signal.aborted) return false;
        if (isReachable) log.warn({ err }, 'The cluster does not answer; waiting for it.');
        isReachable = false;
        return false;
      }
    }

    while (!signal.aborted) {
      if (await look()) {
        for (const duty of parts.duties()) {
          if (running.has(duty.kind) || (restUntil.get(keyOf(duty)) ?? 0n) > parts.slot()) continue;
          running.set(duty.kind, runOne(duty));
        }
      }
      await parts.sleep(pollMs, { signal });
    }
    await Promise.all(running.values());
  };

function keyOf(duty: Duty): string {
  return `${duty.kind} ${duty.epoch} ${duty.about ?? ''}`;
}

function isTransient(error: unknown): boolean {
  const codes = ['RPC_UNREACHABLE', 'RPC_FAILED', 'TRANSACTION_FAILED', 'PEER_UNREACHABLE', 'ABORTED'];
  return (
    (error instanceof KarmeshError && codes.includes(error.code)) ||
    (error instanceof Error && error.name === 'TimeoutError')
  );
}
