import { KarmeshError } from '@karmesh/sdk/errors';
import { type Hash, type Sha256, type TraceModel, traceRootOf, traceShape, traceTree } from '@karmesh/sdk/protocol';
import type { RunRequest } from '../run/runner.ts';
import { joinLeaves } from './joinLeaves.ts';
import type { RemoteRun, RemoteStage } from './remoteStage.ts';

export interface StagedParts {
  /** In order; together they hold the whole model. */
  readonly stages: readonly RemoteStage[];
  readonly traceModel: TraceModel;
  readonly sha256: Sha256;
}

export interface StagedOptions {
  /** Positions that go through at once, at most. */
  readonly batch: number;
  /** Tokens that the model takes for the end of an answer. */
  readonly endTokens: ReadonlySet<number>;
  readonly signal?: AbortSignal;
}

export interface StagedResult {
  readonly outputTokens: readonly number[];
  readonly traceRoot: Hash;
}

/**
 * Generates an answer with a model whose parts run elsewhere. It is the answer and the trace that the whole model gives. Throws `BAD_ARGUMENT` unless the stages
 * make a whole model, and what a stage throws: a run that lost a stage is over.
 */
export async function generateStaged(
  request: Pick<RunRequest, 'requestId' | 'prompt' | 'temperatureMicro' | 'limit' | 'level'>,
  { batch, endTokens, signal }: StagedOptions,
  { stages, traceModel, sha256 }: StagedParts,
): Promise<StagedResult> {
  const { requestId, prompt, temperatureMicro, limit, level = 'blocks' } = request;
  checkWhole(stages, traceModel.layers);
  const call = signal === undefined ? {} : { signal };
  await using stack = new AsyncDisposableStack();
  const runs: RemoteRun[] = [];
  for (const stage of stages) {
    const run = await stage.open({ requestId, promptTokens: prompt.length, temperatureMicro, level }, call);
    stack.defer(() => run.close());
    runs.push(run);
  }

  /** Runs tokens through all stages and gives what the last one chose. */
  const through = async (tokens: readonly number[]): Promise<readonly number[]> => {
    let frame: Uint8Array | undefined;
    let chosen: readonly number[] = [];
    for (const run of runs) ({ frame, chosen } = await run.step(frame === undefined ? { tokens } : { frame }, call));
    return chosen;
  };

  let chosen: readonly number[] = [];
  for (let start = 0; start < prompt.length; start += batch) chosen = await through(prompt.slice(start, start + batch));
  const outputTokens: number[] = [];
  for (;;) {
    const token = chosen[0];
    if (token === undefined) throw new KarmeshError('ENGINE_FAILED', 'The last stage chose no token.');
    outputTokens.push(token);
    if (endTokens.has(token) || outputTokens.length >= limit) break;
    chosen = await through([token]);
  }

  const positions = prompt.length + outputTokens.length - 1;
  const shape = traceShape(traceModel, { level, promptTokens: prompt.length });
  const parts = await Promise.all(
    stages.map(async ({ from, to }, i) => ({
      from,
      to,
      leaves: (await runs[i]?.leaves(positions, call)) ?? new Uint8Array(0),
    })),
  );
  const { root } = traceTree(sha256, joinLeaves(shape, { positions, parts }), shape.leaves(positions));
  return { outputTokens, traceRoot: traceRootOf(sha256, { level, promptTokens: prompt.length, positions, root }) };
}

/** each stage begins where the one before it ends. */
function checkWhole(stages: readonly RemoteStage[], layers: number): void {
  let reached = 0;
  for (const { from, to } of stages) {
    if (from !== reached)
      throw new KarmeshError('BAD_ARGUMENT', 'A stage does not begin where the one before it ends.', { from, reached });
    reached = to;
  }
  if (reached !== layers)
    throw new KarmeshError('BAD_ARGUMENT', 'The stages do not reach the last layer.', { reached, layers });
}
