import type { Logger } from './logger.ts';

export type ShutdownOptions = {
  /** How long all steps together may take before the process ends regardless, in milliseconds; 10,000 unless told. */
  readonly deadlineMs?: number;
};

export type ShutdownParts = {
  readonly log: Pick<Logger, 'info' | 'error'>;
  /** The process, or in a test whatever emits signals and records the exit. */
  readonly host?: {
    on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
    off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
    exit(code: number): void;
  };
};

export type Shutdown = Disposable & {
  /** Aborted when stopping begins, so that what waits may give up. */
  readonly signal: AbortSignal;
  /** Adds a step. Steps run one after the other, the last added first, as what was started last depends on what came before. */
  add(name: string, stop: () => void | Promise<void>): void;
  /** Runs the steps; every caller gets the same run. Resolves to false if a step failed. */
  stop(reason: string): Promise<boolean>;
  /** Resolves once `stop` has finished. */
  readonly stopped: Promise<boolean>;
};

const forcedExit = 130;

/**
 * Ends a program in order on SIGINT or SIGTERM, and when a parent that started it with a channel (`ipc`) is gone, however it died:
 * with exit code 0, or 1 when a step failed or the deadline passed. A second signal ends it at once with 130.
 */
export const shutdown =
  ({ deadlineMs = 10_000 }: ShutdownOptions = {}) =>
  ({ log, host = process }: ShutdownParts): Shutdown => {
    const steps: { readonly name: string; stop(): void | Promise<void> }[] = [];
    const controller = new AbortController();
    const stopped = Promise.withResolvers<boolean>();
    let running = false;

    const runSteps = async (): Promise<void> => {
      let ok = true;
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
        try {
          await step.stop();
        } catch (err) {
          ok = false;
          log.error({ err, step: step.name }, 'A part did not stop cleanly.');
        }
      }
      stopped.resolve(ok);
    };

    const stop = (reason: string): Promise<boolean> => {
      if (!running) {
        running = true;
        log.info({ reason }, 'Stopping.');
        controller.abort();
        void runSteps();
      }
      return stopped.promise;
    };

    const onSignal = (signal: string): void => {
      if (running) {
        host.exit(forcedExit);
        return;
      }
      const timer = setTimeout(() => {
        log.error({ deadlineMs, left: steps.map(({ name }) => name) }, 'Stopping took too long.');
        host.exit(1);
      }, deadlineMs);
      void stop(signal).then((ok) => {
        clearTimeout(timer);
        host.exit(ok ? 0 : 1);
      });
    };
    const onInterrupt = (): void => onSignal('SIGINT');
    const onTerminate = (): void => onSignal('SIGTERM');
    host.on('SIGINT', onInterrupt);
    host.on('SIGTERM', onTerminate);
    const onOrphaned = (): void => {
      if (!running) onSignal('the end of the parent');
    };
    if (host === process && process.connected === true) {
      process.channel?.unref();
      process.on('disconnect', onOrphaned);
    }

    return {
      signal: controller.signal,
      add: (name, step) => {
        steps.push({ name, stop: step });
      },
      stop,
      stopped: stopped.promise,
      [Symbol.dispose]: () => {
        host.off('SIGINT', onInterrupt);
        host.off('SIGTERM', onTerminate);
        if (host === process) process.off('disconnect', onOrphaned);
      },
    };
  };
