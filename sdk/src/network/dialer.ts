import { backoffMs } from './backoff.ts';

/** Someone to stay connected to: a bootstrap address, or a peer that announced itself. */
export type DialTarget = {
  /** Names the target: its peer id, or its address while that is not known. */
  readonly key: string;
  /** Opens a connection. */
  dial(signal: AbortSignal): Promise<void>;
  isConnected(): boolean;
};

export type DialerOptions = {
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
  readonly dialTimeoutMs: number;
};

export type DialerParts = {
  readonly random: () => number;
  readonly now: () => number;
  readonly onFailure: (key: string, attempt: number, error: unknown) => void;
};

export type Dialer = {
  /** Dials every target that is not connected and whose turn has come. Targets that are not named any more are forgotten. */
  tick(targets: readonly DialTarget[]): void;
  /** Gives up what is under way; later ticks do nothing. */
  stop(): Promise<void>;
};

type State = { attempt: number; nextMs: number; dialing: Promise<void> | undefined };

/**
 * Keeps targets connected: a first dial at once, then with growing pauses, and from the start again after a connection was lost.
 * libp2p itself neither dials what it discovers nor dials again when a first try fails.
 */
export const dialer =
  ({ firstRetryMs, maxRetryMs, dialTimeoutMs }: DialerOptions) =>
  ({ random, now, onFailure }: DialerParts): Dialer => {
    const states = new Map<string, State>();
    const stopped = new AbortController();

    const dial = async (target: DialTarget, state: State): Promise<void> => {
      try {
        await target.dial(AbortSignal.any([stopped.signal, AbortSignal.timeout(dialTimeoutMs)]));
      } catch (error) {
        if (stopped.signal.aborted) return;
        state.attempt += 1;
        onFailure(target.key, state.attempt, error);
      } finally {
        state.nextMs =
          now() +
          backoffMs({ attempt: Math.max(0, state.attempt - 1), firstMs: firstRetryMs, maxMs: maxRetryMs }, random);
        state.dialing = undefined;
      }
    };

    return {
      tick: (targets) => {
        if (stopped.signal.aborted) return;
        const named = new Set(targets.map(({ key }) => key));
        for (const [key, { dialing }] of states) if (!named.has(key) && dialing === undefined) states.delete(key);
        for (const target of targets) {
          let state = states.get(target.key);
          if (state === undefined) {
            state = { attempt: 0, nextMs: 0, dialing: undefined };
            states.set(target.key, state);
          }
          if (target.isConnected()) state.attempt = 0;
          else if (state.dialing === undefined && now() >= state.nextMs) state.dialing = dial(target, state);
        }
      },
      stop: async () => {
        stopped.abort();
        await Promise.allSettled([...states.values()].map(({ dialing }) => dialing));
      },
    };
  };
