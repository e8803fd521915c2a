import type { Hash, TraceModel } from '@karmesh/sdk/protocol';
import type { PositionMeasurement } from '../../engine.ts';
import type { RunRequest } from '../run/runner.ts';
import type { KernelVariant } from '../stages/kernels.ts';
import type { ErrorParts } from './errorParts.ts';

/** What a thread that runs a model must know, on Node and in a page. */
export interface EngineSettings {
  readonly contextSize: number;
  readonly sequences: number;
  readonly batch: number;
  /** Threads of arithmetic, that one included. */
  readonly threads: number;
  readonly endTokens: readonly number[];
}

/** What the thread on Node is started with. */
export interface ThreadSettings extends EngineSettings {
  /** A converted model. */
  readonly modelPath: string;
  readonly kernels: 'simd' | 'plain';
}

export type ToThread =
  | { readonly kind: 'start'; readonly run: number; readonly request: RunRequest }
  | { readonly kind: 'acknowledge'; readonly run: number; readonly tokens: number }
  | { readonly kind: 'finish'; readonly run: number; readonly outputTokens: number; readonly wantsLeaves: boolean }
  | { readonly kind: 'cancel'; readonly run: number }
  | { readonly kind: 'close' };

export type FromThread =
  | ({ readonly kind: 'ready' } & ThreadReady)
  | { readonly kind: 'failed'; readonly error: ErrorParts }
  | { readonly kind: 'token'; readonly run: number; readonly token: number }
  | { readonly kind: 'position'; readonly run: number; readonly position: PositionMeasurement }
  | { readonly kind: 'end'; readonly run: number }
  | { readonly kind: 'fault'; readonly run: number; readonly error: ErrorParts }
  | ({ readonly kind: 'finished'; readonly run: number } & ThreadResult)
  | { readonly kind: 'closed' };

export interface ThreadReady {
  readonly memoryBytes: number;
  readonly traceModel: TraceModel;
  /** What the platform allowed. */
  readonly kernels: KernelVariant;
}

export interface ThreadResult {
  readonly traceRoot: Hash;
  readonly positions: number;
  /** The trace's leaf hashes, 32 bytes each, if they were wanted. */
  readonly leaves: Uint8Array | undefined;
  readonly opened: ReadonlyMap<number, Uint8Array>;
}
