import type { ModelId } from '@karmesh/sdk/protocol';
import type { StageInput, StageRequest } from '../stages/stageWorker.ts';
import type { ErrorParts } from '../thread/errorParts.ts';

/** What a process that runs a part of a model is started with. */
export interface StageSettings {
  /** A converted model. */
  readonly modelPath: string;
  readonly modelId: ModelId;
  /** its layers, `to` excluded. */
  readonly from: number;
  readonly to: number;
  readonly contextSize: number;
  readonly sequences: number;
  readonly batch: number;
  readonly threads: number;
  readonly kernels: 'simd' | 'plain';
}

/** Each message but the first and `close` has one answer: the message with its `id`. */
export type ToStage =
  | { readonly kind: 'load'; readonly settings: StageSettings }
  | { readonly kind: 'open'; readonly id: number; readonly run: number; readonly request: StageRequest }
  | { readonly kind: 'step'; readonly id: number; readonly run: number; readonly input: StageInput }
  | { readonly kind: 'leaves'; readonly id: number; readonly run: number; readonly positions: number }
  | { readonly kind: 'close'; readonly run: number };

export type StageAnswer =
  | { readonly kind: 'opened' }
  | { readonly kind: 'step'; readonly frame: Uint8Array; readonly chosen: readonly number[] }
  | { readonly kind: 'leaves'; readonly leaves: Uint8Array };

export type FromStage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: ErrorParts }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: StageAnswer }
  | { readonly kind: 'fault'; readonly id: number; readonly error: ErrorParts };
