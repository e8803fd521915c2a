import { readEvents } from '@karmesh/sdk/client';
import type { z } from 'zod';
import { sentenceOf } from './sentenceOf.ts';

/** The gateway says something every two seconds, changed or not. */
const SILENT_MS = 7_000;
const RETRY_MS = [1_000, 2_000, 5_000, 10_000] as const;

/**
 * Follows one of the gateway's streams until the signal ends it, and connects again whenever it breaks off or falls silent: `onValue` is
 * told every picture, `onFailure` why there is none just now.
 */
export async function followFeed<T>(
  feed: { readonly path: string; readonly schema: z.ZodType<T> },
  parts: {
    readonly signal: AbortSignal;
    readonly onValue: (value: T) => void;
    readonly onFailure: (sentence: string) => void;
    readonly fetch: typeof globalThis.fetch;
    /** Resolves after so many milliseconds, or when the signal ends it. */
    readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  },
): Promise<void> {
  const { onFailure, onValue, pause, signal } = parts;
  for (let failures = 0; !signal.aborted; ) {
    try {
      for await (const value of pictures(feed, parts)) {
        failures = 0;
        onValue(value);
      }
      if (!signal.aborted) onFailure('The gateway ended the stream; connecting again.');
    } catch (cause) {
      if (!signal.aborted) onFailure(sentenceOf(cause));
    }
    await pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 0, signal);
    failures += 1;
  }
}

async function* pictures<T>(
  { path, schema }: { readonly path: string; readonly schema: z.ZodType<T> },
  { fetch, signal }: { readonly fetch: typeof globalThis.fetch; readonly signal: AbortSignal },
): AsyncGenerator<T, void, undefined> {
  const silent = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => silent.abort(), SILENT_MS);
  };
  try {
    heard();
    const response = await fetch(path, {
      headers: { accept: 'text/event-stream' },
      signal: AbortSignal.any([signal, silent.signal]),
    });
    if (response.status === 503) throw new Error('As many watch this gateway as may at once; trying again.');
    if (!response.ok || response.body === null) {
      throw new Error(`The gateway answered ${path} with status ${response.status}.`);
    }
    for await (const data of readEvents(response.body)) {
      heard();
      yield schema.parse(JSON.parse(data));
    }
  } catch (cause) {
    if (silent.signal.aborted) throw new Error('The gateway fell silent; connecting again.', { cause });
    throw cause;
  } finally {
    clearTimeout(timer);
  }
}
