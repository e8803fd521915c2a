import type { CommitTensor } from '@karmesh/circuits/commitment';
import type { RequestId, Sha256, TraceLevel } from '@karmesh/sdk/protocol';
import type { ExactModel } from '../../../node/src/engines/exact/file/exactModel.ts';
import { highest } from '../../../node/src/engines/exact/run/chooseToken.ts';
import { runner } from '../../../node/src/engines/exact/run/runner.ts';
import type { Kernels, Pointer } from '../../../node/src/engines/exact/stages/kernels.ts';
import type { Stage, StageRow } from '../../../node/src/engines/exact/stages/stage.ts';
import { traceModelOf } from '../../../node/src/engines/exact/trace/traceModel.ts';
import type { Core } from './core.ts';

/** A loaded model, wherever it was loaded: this file runs in a page too. */
export interface ExactParts {
  readonly model: ExactModel;
  readonly stages: readonly { readonly stage: Stage; readonly memory: WebAssembly.Memory; readonly kernels: Kernels }[];
}

/** Positions of one step, as the engine has them. */
export const BATCH = 32;

/** What the engine's thread runs: the runner, which chooses tokens and hashes the trace, its root included. */
export function tracedCore(
  parts: ExactParts,
  { level, sha256, commit }: { readonly level: TraceLevel; readonly sha256: Sha256; readonly commit?: CommitTensor },
): Core {
  const traceModel = traceModelOf(parts.model);
  const options = { sequences: 1, batch: BATCH, endTokens: new Set<number>(), ahead: Number.POSITIVE_INFINITY };
  const engine = runner(options, { stages: parts.stages, traceModel, sha256, commit });
  const requestId = new Uint8Array(32) as RequestId;
  const hidden = level === 'committed' ? { blinding: new Uint8Array(32) } : {};
  return {
    async run({ prompt, tokens }) {
      const began = performance.now();
      let first = Number.NaN;
      let fault: unknown;
      const run = engine.start(
        { requestId, prompt, temperatureMicro: 0, limit: tokens, level, ...hidden },
        {
          onToken: () => {
            if (Number.isNaN(first)) first = performance.now();
          },
          onFault: (error) => {
            fault = error;
          },
        },
      );
      while (engine.step());
      if (fault !== undefined) throw fault;
      run.finish(tokens);
      return { promptMs: first - began, decodeMs: performance.now() - first };
    },
  };
}

/** The arithmetic and the choice of the likeliest token alone, without a trace. */
export function bareCore({ stages, model }: ExactParts): Core {
  const last = stages.at(-1);
  if (last === undefined) throw new RangeError('A model has a stage.');
  const { vocabulary } = model.layout.shape;
  const compute = (rows: readonly StageRow[]): readonly Pointer[] => {
    let residuals: Int32Array | undefined;
    let logits: readonly Pointer[] = [];
    for (const { stage } of stages) ({ residuals, logits } = stage.run(rows, residuals));
    return logits;
  };
  const likeliest = ([logits]: readonly Pointer[]): number => {
    if (logits === undefined) throw new RangeError('A position without logits has no token.');
    const [best] = highest(last, { logits, vocabulary, wanted: 1, scratch: last.stage.scratch });
    return best?.token ?? 0;
  };
  return {
    async run({ prompt, tokens }) {
      const began = performance.now();
      let token = 0;
      for (let start = 0; start < prompt.length; start += BATCH) {
        const rows = prompt.slice(start, start + BATCH).map((id, i): StageRow => {
          const position = start + i;
          return { sequence: 0, position, token: id, wantsLogits: position === prompt.length - 1 };
        });
        const logits = compute(rows);
        if (logits.length > 0) token = likeliest(logits);
      }
      const first = performance.now();
      for (let i = 1; i < tokens; i++)
        token = likeliest(compute([{ sequence: 0, position: prompt.length + i - 1, token, wantsLogits: true }]));
      return { promptMs: first - began, decodeMs: performance.now() - first };
    },
  };
}
