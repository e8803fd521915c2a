import type { Clock } from '@karmesh/sdk/clock';

/** Aborts after `ms` milliseconds or with `parent`, whichever comes first. The caller disposes it. */
export function deadline(
  clock: Clock,
  options: { readonly ms: number; readonly parent: AbortSignal; readonly error: () => Error },
): { readonly signal: AbortSignal } & Disposable {
  const late = new AbortController();
  const silence = clock.alarm(options.ms, () => late.abort(options.error()));
  return { signal: AbortSignal.any([options.parent, late.signal]), [Symbol.dispose]: silence };
}
