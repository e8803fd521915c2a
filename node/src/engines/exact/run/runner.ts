import type { CommitTensor } from '@karmesh/circuits/commitment';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type Hash,
  type RequestId,
  type Sha256,
  type TraceLevel,
  type TraceModel,
  traceShape,
} from '@karmesh/sdk/protocol';
import type { PositionMeasurement } from '../../engine.ts';
import type { Kernels, Pointer } from '../stages/kernels.ts';
import type { Stage, StageRow, TensorObserver } from '../stages/stage.ts';
import { committedLeaves, type LeafOf } from '../trace/committedLeaves.ts';
import { type TraceRecorder, traceRecorder } from '../trace/traceRecorder.ts';
import { type ChoiceParts, chooseToken, type ExactLogit, highest, READ_TOP } from './chooseToken.ts';
import { measureExact } from './measureExact.ts';

export interface RunnerOptions {
  readonly sequences: number;
  /** Positions that one step runs, at most: prompts go through in pieces of this size. */
  readonly batch: number;
  /** Tokens that the model takes for the end of an answer. */
  readonly endTokens: ReadonlySet<number>;
  /** How many tokens a generation may be ahead of those that `acknowledged` has seen. */
  readonly ahead: number;
}

export interface RunnerParts {
  /** Stages in order; together they hold the whole model. */
  readonly stages: readonly { readonly stage: Stage; readonly memory: WebAssembly.Memory; readonly kernels: Kernels }[];
  readonly traceModel: TraceModel;
  readonly sha256: Sha256;
  /** For traces of level `committed`. */
  readonly commit?: CommitTensor | undefined;
}

/** What a run is to do. */
export interface RunRequest {
  readonly requestId: RequestId;
  readonly prompt: readonly number[];
  readonly temperatureMicro: number;
  /** At most so many tokens come out. */
  readonly limit: number;
  /** A replay: the tokens that are taken for chosen, whatever the model would choose. */
  readonly claimed?: readonly number[];
  /** X-70; `blocks` unless told. */
  readonly level?: TraceLevel;
  /** the request's blinding, for level `committed`. */
  readonly blinding?: Uint8Array;
  /** Leaves of the trace whose values are wanted. */
  readonly open?: ReadonlySet<number>;
}

export interface RunEvents {
  /** A token of a generation. */
  onToken?(token: number): void;
  /** A position of a replay. */
  onPosition?(position: PositionMeasurement): void;
  /** The run will compute no more; `finish` closes it. */
  onEnd?(): void;
  onFault?(error: unknown): void;
}

/** A run under way. */
export interface Run {
  /** How many tokens its reader has seen. */
  acknowledge(tokens: number): void;
  /** Ends the run, if it goes on, and gives the trace over prompt and so many output tokens but the last. */
  finish(outputTokens: number): FinishedRun;
  /** Gives up the run and its sequence. */
  cancel(): void;
}

export interface FinishedRun {
  readonly traceRoot: Hash;
  /** The leaf hashes of its trace, 32 bytes each. */
  readonly recorder: TraceRecorder;
  readonly positions: number;
  /** The values of opened leaves. */
  readonly opened: ReadonlyMap<number, Uint8Array>;
}

/** Runs many requests through one model, a batch at a time. */
export interface Runner {
  start(request: RunRequest, events: RunEvents): Run;
  /** Computes one batch. False if there was nothing to do. */
  step(): boolean;
}

interface Active {
  readonly request: RunRequest;
  readonly events: RunEvents;
  readonly recorder: TraceRecorder;
  readonly opened: Map<number, Uint8Array>;
  sequence: number | undefined;
  /** Prompt and output; what is run next stands at `next`. */
  readonly tokens: number[];
  next: number;
  outputs: number;
  acknowledged: number;
  state: 'waiting' | 'running' | 'ended';
}

/** The logits behind a position that a token is chosen at. */
interface Choice {
  readonly run: Active;
  readonly logits: Pointer;
}

export function runner(options: RunnerOptions, parts: RunnerParts): Runner {
  const { sequences, batch, endTokens, ahead } = options;
  const { stages, traceModel, sha256, commit } = parts;
  const last = stages.at(-1);
  if (last === undefined) throw new RangeError('A runner needs a stage.');
  const choiceParts: ChoiceParts = { kernels: last.kernels, sha256 };
  const free = Array.from({ length: sequences }, (_, i) => i);
  const runs: Active[] = [];
  const scratch = last.stage.scratch;

  const leavesOf = ({ requestId, blinding }: RunRequest): LeafOf | undefined => {
    if (blinding === undefined) return undefined;
    if (commit === undefined)
      throw new KarmeshError('BAD_ARGUMENT', 'This engine was opened without a way to commit to tensors.');
    return committedLeaves({ requestId, blinding }, { sha256, commit });
  };

  const seat = (): void => {
    for (const run of runs) {
      if (run.state !== 'waiting') continue;
      const sequence = free.shift();
      if (sequence === undefined) return;
      run.sequence = sequence;
      run.state = 'running';
    }
  };

  const remove = (run: Active): void => {
    run.state = 'ended';
    const at = runs.indexOf(run);
    if (at >= 0) runs.splice(at, 1);
    if (run.sequence !== undefined) free.push(run.sequence);
    run.sequence = undefined;
  };

  const isBlocked = (run: Active): boolean =>
    run.request.claimed === undefined && run.outputs - run.acknowledged >= ahead;

  /** Decoding first, one position each, so that a long prompt holds up nobody's stream for more than a batch. */
  const plan = (): readonly (StageRow & { readonly run: Active })[] => {
    const planned: (StageRow & { readonly run: Active })[] = [];
    const ready = runs.filter((run) => run.state === 'running' && !isBlocked(run));
    ready.sort((a, b) => a.tokens.length - a.next - (b.tokens.length - b.next));
    for (const run of ready) {
      const { request, sequence } = run;
      if (sequence === undefined) continue;
      const until = Math.min(run.tokens.length, run.next + batch - planned.length);
      for (let position = run.next; position < until; position++)
        planned.push({
          run,
          sequence,
          position,
          token: run.tokens[position] ?? 0,
          wantsLogits: position >= request.prompt.length - 1,
        });
      if (planned.length >= batch) break;
    }
    return planned;
  };

  const observer = (planned: readonly { readonly run: Active; readonly position: number }[]): TensorObserver => {
    const record: TensorObserver = ({ name, layer, row, bytes }) => {
      const place = planned[row];
      place?.run.recorder.record({ name, layer, position: place.position, bytes });
    };
    const names = new Set(planned.flatMap(({ run }) => [...run.recorder.names]));
    return Object.assign(record, { names });
  };
  const compute = (planned: readonly (StageRow & { readonly run: Active })[]): readonly Pointer[] => {
    let residuals: Int32Array | undefined;
    let logits: readonly Pointer[] = [];
    const observe = observer(planned);
    for (const { stage } of stages) ({ residuals, logits } = stage.run(planned, residuals, observe));
    return logits;
  };

  const read = (logits: Pointer, wanted: number): readonly ExactLogit[] =>
    highest(last, { logits, vocabulary: traceModel.vocabulary, wanted, scratch });

  const choose = ({ run, logits }: Choice): void => {
    const { request, events } = run;
    const place = { ...request, position: run.outputs };
    const claimed = request.claimed?.[run.outputs];
    run.outputs++;
    if (request.claimed !== undefined) {
      if (claimed === undefined) return;
      const sorted = read(logits, READ_TOP);
      const logit = new Int32Array(last.memory.buffer, logits, traceModel.vocabulary)[claimed] ?? 0;
      events.onPosition?.(measureExact(choiceParts, place, { sorted, claimed: { token: claimed, logit } }));
      return;
    }
    const token = chooseToken(choiceParts, place, read(logits, request.temperatureMicro === 0 ? 1 : READ_TOP));
    run.tokens.push(token);
    events.onToken?.(token);
    if (endTokens.has(token) || run.outputs >= request.limit) end(run);
  };

  const end = (run: Active): void => {
    if (run.state !== 'running') return;
    run.state = 'ended';
    run.events.onEnd?.();
  };

  const step: Runner['step'] = () => {
    seat();
    const planned = plan();
    if (planned.length === 0) return false;
    let logits: readonly Pointer[];
    try {
      logits = compute(planned);
    } catch (error) {
      for (const run of new Set(planned.map((row) => row.run))) {
        remove(run);
        run.events.onFault?.(error);
      }
      return true;
    }
    for (const { run, position } of planned) run.next = position + 1;
    const choices = planned.filter(({ wantsLogits }) => wantsLogits);
    for (const [i, { run }] of choices.entries()) {
      const at = logits[i];
      // A run that ended at an earlier position of this batch has no use for the rest.
      if (at !== undefined && run.state === 'running') choose({ run, logits: at });
    }
    for (const { run } of planned) if (run.request.claimed !== undefined && run.next >= run.tokens.length) end(run);
    return true;
  };

  return {
    start(request, events) {
      const { prompt, claimed, level = 'blocks', open } = request;
      const opened = new Map<number, Uint8Array>();
      const shape = traceShape(traceModel, { level, promptTokens: prompt.length });
      const onLeaf = (index: number, values: Uint8Array): void => {
        if (open?.has(index) === true) opened.set(index, values.slice());
      };
      const recorder = traceRecorder(shape, {
        sha256,
        leafOf: leavesOf(request),
        ...(open === undefined ? {} : { onLeaf }),
      });
      const run: Active = {
        request,
        events,
        recorder,
        opened,
        sequence: undefined,
        // The last claimed token is chosen behind the position before it and never run.
        tokens: [...prompt, ...(claimed?.slice(0, -1) ?? [])],
        next: 0,
        outputs: 0,
        acknowledged: 0,
        state: 'waiting',
      };
      runs.push(run);
      return {
        acknowledge(tokens) {
          run.acknowledged = Math.max(run.acknowledged, tokens);
        },
        finish(outputTokens) {
          remove(run);
          const positions = prompt.length + outputTokens - 1;
          return { traceRoot: recorder.root(positions), recorder, positions, opened };
        },
        cancel: () => remove(run),
      };
    },
    step,
  };
}
