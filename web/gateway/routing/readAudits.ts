import type { Clock } from '@karmesh/sdk/clock';
import type { EpochBodies } from '@karmesh/sdk/participant';
import type { Verdict } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';

export type ReadAuditsOptions = {
  /** How long between two looks, in milliseconds. */
  readonly everyMs: number;
  /** Final epochs that are read at most; older ones are passed over. */
  readonly epochs: bigint;
  /** How long one report may take to fetch, in milliseconds. */
  readonly fetchMs: number;
};

/**
 * Reads the verdicts of each epoch that became final from its report, whose hash two thirds of the stake voted for, each epoch once and in their
 * order. A report that nobody has now is asked for again. `look` is one turn, for tests.
 */
export const readAudits =
  (options: ReadAuditsOptions) =>
  (parts: {
    lastFinalised(): bigint | undefined;
    readonly bodies: Pick<EpochBodies, 'report'>;
    readonly clock: Pick<Clock, 'alarm'>;
    onVerdict(verdict: Verdict): void;
    readonly log: Pick<Logger, 'warn'>;
  }): AsyncDisposable & { look(): Promise<void> } => {
    const stopped = new AbortController();
    let next = 0n;
    let silence = (): void => {};
    let current: Promise<void> = Promise.resolve();

    const lookOnce = async (): Promise<void> => {
      const last = parts.lastFinalised();
      if (last === undefined) return;
      if (last >= options.epochs && next <= last - options.epochs) next = last - options.epochs + 1n;
      while (next <= last) {
        const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(options.fetchMs)]);
        const report = await parts.bodies.report(next, { signal });
        // An epoch that never became final lies between some; what nobody has yet waits for the next look.
        if (report === undefined && next === last) return;
        for (const { value } of report?.body.verdicts ?? []) parts.onVerdict(value);
        next += 1n;
      }
    };
    const look = (): Promise<void> => {
      current = current.catch(() => undefined).then(lookOnce);
      return current;
    };
    const turn = async (): Promise<void> => {
      await look().catch((err: unknown) => {
        if (!stopped.signal.aborted) parts.log.warn({ err }, 'Audits of a final epoch cannot be read at present.');
      });
      if (!stopped.signal.aborted) silence = parts.clock.alarm(options.everyMs, () => void turn());
    };
    void turn();

    return {
      look,
      async [Symbol.asyncDispose]() {
        stopped.abort();
        silence();
        await current.catch(() => undefined);
      },
    };
  };
