/** What a process holds after a collection of its garbage. */
export type HeldMemory = { readonly heapBytes: number; readonly residentBytes: number };

/** Answers each message of the parent with what this process holds; it ends with the parent. Needs `--expose-gc`. */
export function answerMemory(): void {
  process.on('message', () => {
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    process.send?.({ heapBytes: heapUsed, residentBytes: rss } satisfies HeldMemory);
  });
  process.once('disconnect', () => process.exit(0));
}
