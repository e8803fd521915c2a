import type { Clock } from '@karmesh/sdk/clock';

/** Waits, or until the signal is aborted, whichever is first. */
export async function pause(
  clock: Pick<Clock, 'alarm'>,
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const silence = clock.alarm(ms, resolve);
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  await promise;
  silence();
  signal.removeEventListener('abort', onAbort);
}
