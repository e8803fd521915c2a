import { useEffect, useRef, useState } from 'react';
import type { MeshChange } from './meshFacts.ts';

/** A screen reader should have said one piece of news before the next comes. */
const GAP_MS = 2_500;

/** The last news since this view opened: the first change at once, and what follows quickly together. */
export function useNews(changes: readonly MeshChange[] | undefined): readonly MeshChange[] {
  const [news, setNews] = useState<readonly MeshChange[]>([]);
  const newest = changes?.at(-1)?.number ?? 0;
  const told = useRef<number>(undefined);
  const toldAtMs = useRef(Number.NEGATIVE_INFINITY);
  const latest = useRef(changes);
  latest.current = changes;
  useEffect(() => {
    if (latest.current === undefined) return;
    // What was before is in the list below, and a gateway that started again counts from one.
    if (told.current === undefined || newest < told.current) told.current = newest;
    if (newest === told.current) return;
    const timer = setTimeout(
      () => {
        const fresh = latest.current?.filter(({ number }) => number > (told.current ?? 0)) ?? [];
        told.current = fresh.at(-1)?.number ?? told.current;
        toldAtMs.current = performance.now();
        setNews(fresh);
      },
      Math.max(0, toldAtMs.current + GAP_MS - performance.now()),
    );
    return () => clearTimeout(timer);
  }, [newest]);
  return news;
}
