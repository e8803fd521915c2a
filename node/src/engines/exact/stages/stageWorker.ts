import { type ErrorFacts, KarmeshError } from '@karmesh/sdk/errors';
import { type ModelId, type RequestId, type Sha256, type TraceLevel, traceShape } from '@karmesh/sdk/protocol';
import { chooseToken, highest, READ_TOP } from '../run/chooseToken.ts';
import { traceModelOf } from '../trace/traceModel.ts';
import { traceRecorder } from '../trace/traceRecorder.ts';
import type { LoadedStages } from './openStages.ts';
import type { StageRow } from './stage.ts';
import { decodeStageFrame, encodeStageFrame } from './stageFrames.ts';

export interface StageWorkerOptions {
  readonly modelId: ModelId;
  /** Those that the stages were loaded with. */
  readonly sequences: number;
  readonly batch: number;
}

export interface StageWorkerParts {
  readonly loaded: Pick<LoadedStages, 'model' | 'stages'>;
  readonly sha256: Sha256;
}

/** A request as every stage of it must know it. */
export interface StageRequest {
  readonly requestId: RequestId;
  readonly promptTokens: number;
  readonly temperatureMicro: number;
  readonly level: TraceLevel;
}

/** tokens for the stage that begins at layer 0, a frame of residuals for any other. */
export type StageInput = { readonly tokens: readonly number[] } | { readonly frame: Uint8Array };

export interface StageStep {
  /** the residuals behind the last layer, for the stage that comes next. */
  readonly frame: Uint8Array;
  /** Of a stage that holds the last layer: logits of the positions from the prompt's last one on. Views, good until the next step. */
  readonly logits: readonly Int32Array[];
  /** the token that is chosen by each of them. */
  readonly chosen: readonly number[];
}

/** A request's way through a stage. */
export interface StageRun {
  /**
   * Runs the positions that come next. Throws `CODEC` or `PROTOCOL_VIOLATION` on an input that is not theirs, `BAD_ARGUMENT` on what the stage has no room for; the
   * run then stands where it stood.
   */
  step(input: StageInput): StageStep;
  /** the leaf hashes of this stage's tensors at the first so many positions, in a trace's order, with zeros where other stages have theirs. */
  leaves(positions: number): Uint8Array<ArrayBuffer>;
  /** Gives its sequence back. */
  close(): void;
}

/** A part of a model at work for requests that come from elsewhere. */
export interface StageWorker {
  /** its layers, `to` excluded. */
  readonly from: number;
  readonly to: number;
  /** Throws `QUEUE_FULL` if all sequences are taken. */
  open(request: StageRequest): StageRun;
}

const HASH_BYTES = 32;

/** makes a worker of loaded stages, which stand one behind the other: input in, frames out. It is synchronous, as stages are. */
export function stageWorker(options: StageWorkerOptions, { loaded, sha256 }: StageWorkerParts): StageWorker {
  const { modelId, sequences, batch } = options;
  const { model, stages } = loaded;
  const [first, last] = [stages[0], stages.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError('A worker needs a stage.');
  const { width, vocabulary } = model.layout.shape;
  const [from, to] = [first.stage.from, last.stage.to];
  const free = Array.from({ length: sequences }, (_, i) => i);

  /** The rows of an input, and the residuals that come with them. */
  const read = (
    input: StageInput,
    { sequence, position, promptTokens }: { sequence: number; position: number; promptTokens: number },
  ): { readonly rows: readonly StageRow[]; readonly residuals: Int32Array | undefined } => {
    const isFirst = from === 0;
    if (isFirst !== 'tokens' in input)
      throw refused('A stage was given tokens for activations, or activations for tokens.', { layer: from });
    const frame =
      'frame' in input
        ? decodeStageFrame(input.frame, { modelId, layer: from, position, width, most: batch })
        : undefined;
    const tokens = 'tokens' in input ? input.tokens : new Array<number>(frame?.count ?? 0).fill(0);
    const rows = tokens.map((token, i) => ({
      sequence,
      position: position + i,
      token,
      wantsLogits: position + i >= promptTokens - 1,
    }));
    return { rows, residuals: frame?.residuals };
  };

  const open: StageWorker['open'] = ({ requestId, promptTokens, temperatureMicro, level }) => {
    if (!Number.isInteger(promptTokens) || promptTokens < 1)
      throw new KarmeshError('BAD_ARGUMENT', 'A prompt has at least one token.', { promptTokens });
    const sequence = free.shift();
    if (sequence === undefined)
      throw new KarmeshError('QUEUE_FULL', 'All sequences of a stage are taken.', { sequences });
    const shape = traceShape(traceModelOf(model), { level, promptTokens });
    const recorder = traceRecorder(shape, { sha256 });
    let position = 0;
    let isOpen = true;
    return {
      step(input) {
        if (!isOpen) throw refused('A stage was given input of a run that is over.', {});
        const { rows, residuals } = read(input, { sequence, position, promptTokens });
        const start = position;
        let found: { readonly residuals: Int32Array | undefined; readonly logits: readonly number[] } = {
          residuals,
          logits: [],
        };
        for (const { stage } of stages)
          found = stage.run(rows, found.residuals, ({ name, layer, row, bytes }) =>
            recorder.record({ name, layer, position: start + row, bytes }),
          );
        position += rows.length;
        const place = { modelId, layer: to, position: start, count: rows.length, width };
        const firstOutput = Math.max(0, start - (promptTokens - 1));
        return {
          frame: encodeStageFrame({ ...place, residuals: found.residuals ?? new Int32Array(0) }),
          logits: found.logits.map((at) => new Int32Array(last.memory.buffer, at, vocabulary)),
          chosen: found.logits.map((logits, i) => {
            const options = { logits, vocabulary, wanted: READ_TOP, scratch: last.stage.scratch };
            const output = { requestId, temperatureMicro, position: firstOutput + i };
            return chooseToken({ kernels: last.kernels, sha256 }, output, highest(last, options));
          }),
        };
      },
      leaves(positions) {
        if (!Number.isInteger(positions) || positions < 1 || positions > position)
          throw new KarmeshError('BAD_ARGUMENT', 'A stage was asked for leaves of positions that it has not run.', {
            positions,
            position,
          });
        const leaves = new Uint8Array(shape.leaves(positions) * HASH_BYTES);
        leaves.set(recorder.leaves(positions));
        return leaves;
      },
      close() {
        if (isOpen) free.push(sequence);
        isOpen = false;
      },
    };
  };

  return { from, to, open };
}

function refused(sentence: string, facts: ErrorFacts): KarmeshError {
  return new KarmeshError('PROTOCOL_VIOLATION', sentence, { rule: 'X-60', ...facts });
}
