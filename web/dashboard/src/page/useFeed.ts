import { useEffect, useState } from 'react';
import type { z } from 'zod';
import { followFeed } from './followFeed.ts';
import { pauseFor } from './pauseFor.ts';
import type { Facts } from './useFacts.ts';

/** The newest picture of one of the gateway's streams; `failure` stands as long as the picture is not live. */
export function useFeed<T>(feed: { readonly path: string; readonly schema: z.ZodType<T> }): Facts<T> {
  const [facts, setFacts] = useState<Facts<T>>({ value: undefined, failure: undefined });
  useEffect(() => {
    const ended = new AbortController();
    void followFeed(feed, {
      signal: ended.signal,
      onValue: (value) => setFacts({ value, failure: undefined }),
      onFailure: (failure) => setFacts(({ value }) => ({ value, failure })),
      fetch: (input, init) => fetch(input, init),
      pause: pauseFor,
    });
    return () => ended.abort();
  }, [feed]);
  return facts;
}
