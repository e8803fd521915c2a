import type { StageInput, StageRequest } from '../stages/stageWorker.ts';

export interface RemoteCall {
  readonly signal?: AbortSignal;
}

/** A request's way through a stage that runs elsewhere. */
export interface RemoteRun {
  /** the residuals behind its last layer, and from the last stage the chosen tokens; see `StageStep`. */
  step(
    input: StageInput,
    call?: RemoteCall,
  ): Promise<{ readonly frame: Uint8Array; readonly chosen: readonly number[] }>;
  /** See `StageRun.leaves`. */
  leaves(positions: number, call?: RemoteCall): Promise<Uint8Array>;
  close(): void;
}

/** A part of a model that runs elsewhere: in another process or on another machine. */
export interface RemoteStage {
  /** its layers, `to` excluded. */
  readonly from: number;
  readonly to: number;
  open(request: StageRequest, call?: RemoteCall): Promise<RemoteRun>;
}
