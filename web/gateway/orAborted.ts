/**
 * Waits for `task`, or until the signal is aborted, whichever is first; a task that fails first is its failure. A signal outlives many tasks, so nothing of a task
 * is left with it: `Promise.race` with one promise for all of them would keep a part of each.
 */
export async function orAborted(task: Promise<unknown> | undefined, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([task, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
