import type { BitCounts } from '../sameBits.ts';

/** What the page's function takes. */
export interface PagePlace {
  readonly modelUrl: string;
  /** Hexadecimal. */
  readonly fileHash: string;
  readonly fileBytes: number;
  readonly counts: BitCounts;
  readonly threads: number;
  readonly sequences: number;
  readonly abortAfterMs?: number;
}
