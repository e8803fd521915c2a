export type LeaseOptions = {
  /** How often `tick` is meant to be called. */
  readonly tickMs: number;
  /** Silence after which the peer is given up. */
  readonly deadAfterMs: number;
  /** Silence that is allowed before the peer is first heard, which includes negotiating a stream. */
  readonly graceMs: number;
};

export type Lease = {
  /** The peer has been heard; from now on it is to be heard again and again. */
  heard(): void;
  /** Something else came from the peer, which shows that it lives and not yet that it beats. */
  sensed(): void;
  /** Counts the time since the last tick; true once the peer is to be given up. */
  tick(nowMs: number): boolean;
};

/**
 * How long a peer has been silent, in time in which we listened: a tick that comes late counts as one tick, because then this process
 * stalled, and what the peer sent meanwhile is still unread.
 */
export const lease = ({ tickMs, deadAfterMs, graceMs }: LeaseOptions, startMs: number): Lease => {
  let silentMs = deadAfterMs - Math.max(graceMs, deadAfterMs);
  let last = startMs;
  return {
    heard: () => {
      silentMs = 0;
    },
    sensed: () => {
      // What is left of the first silence is not taken away.
      silentMs = Math.min(silentMs, 0);
    },
    tick: (nowMs) => {
      silentMs += Math.min(Math.max(0, nowMs - last), tickMs);
      last = nowMs;
      return silentMs >= deadAfterMs;
    },
  };
};
