import { useEffect, useState } from 'react';
import { sentenceOf } from './sentenceOf.ts';

/** The last answer that could be read, and why the newest could not. */
export type Facts<T> = { readonly value: T | undefined; readonly failure: string | undefined };

export type Read<T> = (signal: AbortSignal) => Promise<T>;

/** A read that nobody answers is given up after so many milliseconds, and said, and made again. */
const READ_MS = 15_000;

const NOTHING = { value: undefined, failure: undefined };

/** Reads now and `everyMs` after each answer, as long as there is something to read with. Another `read` starts from nothing. */
export function useFacts<T>(read: Read<T> | undefined, everyMs: number): Facts<T> {
  const [facts, setFacts] = useState<Facts<T>>(NOTHING);
  useEffect(() => {
    setFacts(NOTHING);
    if (read === undefined) return;
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = async (): Promise<void> => {
      try {
        const value = await read(AbortSignal.any([ended.signal, AbortSignal.timeout(READ_MS)]));
        if (!ended.signal.aborted) setFacts({ value, failure: undefined });
      } catch (cause) {
        if (!ended.signal.aborted) setFacts(({ value }) => ({ value, failure: sentenceOf(cause) }));
      }
      if (!ended.signal.aborted) timer = setTimeout(() => void again(), everyMs);
    };
    void again();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [read, everyMs]);
  return facts;
}
