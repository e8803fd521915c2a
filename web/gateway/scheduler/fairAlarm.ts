import type { Clock } from '@karmesh/sdk/clock';

/** An alarm that is so late tells that this process was held up. */
const HELD_UP_MS = 100;
/** What it then has to read all that came in meanwhile. */
const CATCH_UP_MS = 1_000;

/**
 * Rings after `ms` milliseconds, or, where this process was held up and the alarm is late for that, once there was time to read what came in meanwhile: nobody is blamed
 * for an answer that lies in the socket. The result takes the alarm back.
 */
export function fairAlarm(clock: Clock, ms: number, ring: () => void): () => void {
  const dueMs = clock.nowMs() + ms;
  let cancel = clock.alarm(ms, () => {
    if (clock.nowMs() - dueMs < HELD_UP_MS) ring();
    else cancel = clock.alarm(CATCH_UP_MS, ring);
  });
  return () => cancel();
}
