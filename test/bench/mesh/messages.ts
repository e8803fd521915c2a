export const BENCH_TOPIC = '/karmesh/bench/1';

export interface PeersArguments {
  readonly address: string;
  /** Peers in this process, and in the whole mesh. */
  readonly count: number;
  readonly total: number;
  readonly bootstrap: readonly string[];
}

export type ToPeers =
  | { readonly kind: 'publish'; readonly messages: number; readonly everyMs: number; readonly bytes: number }
  | { readonly kind: 'state' }
  | { readonly kind: 'heard' };

/** Times in milliseconds of the machine's monotonic clock, identities in hex. */
export type PeersReport =
  | { readonly kind: 'listening'; readonly atMs: number; readonly addresses: readonly string[] }
  | { readonly kind: 'knows'; readonly atMs: number }
  | { readonly kind: 'lost'; readonly by: string; readonly whom: string; readonly atMs: number }
  | { readonly kind: 'heard'; readonly count: number }
  | {
      readonly kind: 'state';
      /** Of every message heard since the last order to publish. */
      readonly latencies: readonly number[];
      readonly rssBytes: number;
      readonly cpuMs: number;
      readonly links: readonly (readonly [by: string, whom: string])[];
      readonly identities: readonly string[];
    };
