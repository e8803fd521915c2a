import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { hash, toHex, traceRootOf, traceShape, traceTree } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUNDLED_MODEL_PATH } from '../../../models/bundled.ts';
import { type ExactModelFile, exactModelFile } from '../file/exactModelFile.ts';
import { loadStages } from '../stages/loadStages.ts';
import type { LoadedStages } from '../stages/openStages.ts';
import { encodeStageFrame } from '../stages/stageFrames.ts';
import { type StageRequest, stageWorker } from '../stages/stageWorker.ts';
import { nodeHash } from '../trace/nodeHash.ts';
import { traceModelOf } from '../trace/traceModel.ts';
import { generateStaged } from './generateStaged.ts';
import { joinLeaves } from './joinLeaves.ts';
import { type SpawnedStage, spawnStage } from './spawnStage.ts';

// Parts of a model in processes of their own, against the whole model in this one.

const SIZES = { contextSize: 64, sequences: 2, batch: 5, threads: 1, kernels: 'simd' } as const;
const PROMPT = [1, 3, 278, 203, 307, 292, 268, 461, 324, 848, 35, 4];
const FOLLOWING = [313, 461, 324];
const REQUEST: StageRequest = {
  requestId: hash(new TextEncoder().encode('staged')),
  promptTokens: PROMPT.length,
  temperatureMicro: 800_000,
  level: 'operators',
};
const STEPS = [PROMPT.slice(0, 5), PROMPT.slice(5, 10), PROMPT.slice(10), ...FOLLOWING.map((token) => [token])];

let cacheFolder: string;
let model: ExactModelFile;
let whole: LoadedStages;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'karmesh-exact-'));
  model = await exactModelFile(BUNDLED_MODEL_PATH, { cacheFolder });
  whole = await loadStages({ ...SIZES, modelPath: model.path });
});
afterAll(async () => {
  await whole[Symbol.asyncDispose]();
  await rm(cacheFolder, { recursive: true });
});

/** Starts one process for each part; `cuts` are the first layers of all but the first. */
async function spawnAll(...cuts: readonly number[]): Promise<AsyncDisposable & { readonly stages: SpawnedStage[] }> {
  await using stack = new AsyncDisposableStack();
  const { path: modelPath, modelId } = model;
  const layers = [0, ...cuts, 4];
  const stages = await Promise.all(
    layers
      .slice(1)
      .map(async (to, i) => stack.use(await spawnStage({ ...SIZES, modelPath, modelId, from: layers[i] ?? 0, to }))),
  );
  const running = stack.move();
  return { stages, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** What the whole model computes in this process: the residuals behind every layer as frames, logits, choices and trace. */
function computeWhole() {
  const residuals: Uint8Array[][] = [];
  const logits: string[] = [];
  const chosen: number[] = [];
  const [only] = whole.stages;
  if (only === undefined) throw new RangeError('The model is in one stage.');
  const worker = stageWorker({ ...SIZES, modelId: model.modelId }, { loaded: whole, sha256: nodeHash });
  const run = worker.open(REQUEST);
  let position = 0;
  for (const tokens of STEPS) {
    const behind = [0, 1, 2, 3].map(() => new Int32Array(tokens.length * 256));
    const rows = tokens.map((token, i) => ({ sequence: 1, position: position + i, token, wantsLogits: false }));
    only.stage.run(rows, undefined, ({ name, layer, row, bytes }) => {
      if (name !== 'residual' || layer === undefined) return;
      behind[layer]?.set(new Int32Array(bytes.slice().buffer), row * 256);
    });
    const place = { modelId: model.modelId, position, count: tokens.length, width: 256 };
    residuals.push(behind.map((values, i) => encodeStageFrame({ ...place, layer: i + 1, residuals: values })));
    const step = run.step({ tokens });
    logits.push(
      ...step.logits.map((values) =>
        toHex(nodeHash(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))),
      ),
    );
    chosen.push(...step.chosen);
    position += tokens.length;
  }
  const leaves = run.leaves(position);
  run.close();
  return { residuals, chosen, leaves, logits, traceRoot: rootOf(leaves, position) };
}

function rootOf(leaves: Uint8Array, positions: number): string {
  const { level, promptTokens } = REQUEST;
  const shape = traceShape(traceModelOf(whole.model), { level, promptTokens });
  const { root } = traceTree(nodeHash, leaves, shape.leaves(positions));
  return toHex(traceRootOf(nodeHash, { level, promptTokens, positions, root }));
}

test.each([[[2]], [[1, 3]], [[1, 2, 3]]])(
  'X-60: cut before layers %j into processes, residuals, choices and every leaf of the trace are those of the whole model',
  async (cuts) => {
    const wanted = computeWhole();
    expect(new Set(wanted.logits).size).toBe(1 + FOLLOWING.length);
    await using parts = await spawnAll(...cuts);
    const runs = await Promise.all(parts.stages.map((stage) => stage.open(REQUEST)));
    const chosen: number[] = [];
    for (const [at, tokens] of STEPS.entries()) {
      let frame: Uint8Array | undefined;
      for (const [i, run] of runs.entries()) {
        const found = await run.step(frame === undefined ? { tokens } : { frame });
        frame = found.frame;
        expect(Buffer.compare(frame, wanted.residuals[at]?.[(parts.stages[i]?.to ?? 0) - 1] ?? frame.subarray(1))).toBe(
          0,
        );
        chosen.push(...found.chosen);
      }
    }
    expect(chosen).toEqual(wanted.chosen);
    const positions = PROMPT.length + FOLLOWING.length;
    const shape = traceShape(traceModelOf(whole.model), REQUEST);
    const given = await Promise.all(
      runs.map(async (run, i) => ({
        from: parts.stages[i]?.from ?? 0,
        to: parts.stages[i]?.to ?? 0,
        leaves: await run.leaves(positions),
      })),
    );
    const leaves = joinLeaves(shape, { positions, parts: given });
    // Level `operators` has a leaf for the logits of each position that a token is chosen at.
    expect(Buffer.compare(leaves, wanted.leaves)).toBe(0);
    expect(rootOf(leaves, positions)).toBe(wanted.traceRoot);
  },
);

const GENERATION = { requestId: REQUEST.requestId, prompt: PROMPT, temperatureMicro: 800_000, limit: 8 };

test('a request generates the same through processes, several at once', async () => {
  await using parts = await spawnAll(1, 3);
  const staged = { stages: parts.stages, traceModel: traceModelOf(whole.model), sha256: nodeHash };
  const generate = () => generateStaged(GENERATION, { batch: SIZES.batch, endTokens: new Set() }, staged);
  const found = await Promise.all([generate(), generate()]);
  await using alone = await spawnAll();
  const wanted = await generateStaged(
    GENERATION,
    { batch: 3, endTokens: new Set() },
    { ...staged, stages: alone.stages },
  );
  expect(wanted.outputTokens).toHaveLength(8);
  expect(found).toEqual([wanted, wanted]);
  const third = wanted.outputTokens[2] ?? 0;
  const ended = await generateStaged(GENERATION, { batch: 5, endTokens: new Set([third]) }, staged);
  expect(ended.outputTokens).toEqual(wanted.outputTokens.slice(0, wanted.outputTokens.indexOf(third) + 1));
});

test.each([0, 1, 2])(
  'a killed process of stage %i ends the run with an error that names it, and later ones too',
  async (victim) => {
    await using parts = await spawnAll(1, 3);
    const staged = { traceModel: traceModelOf(whole.model), sha256: nodeHash };
    let steps = 0;
    const stages = parts.stages.map((stage, i) => ({
      ...stage,
      async open(request: StageRequest) {
        const run = await stage.open(request);
        return {
          ...run,
          step: (...args: Parameters<typeof run.step>) => {
            const answer = run.step(...args);
            // While it computes: its input is on the way.
            if (i === victim && ++steps === 3) process.kill(stage.pid, 'SIGKILL');
            return answer;
          },
        };
      },
    }));
    const generate = (over: typeof stages | typeof parts.stages) =>
      generateStaged(GENERATION, { batch: SIZES.batch, endTokens: new Set() }, { ...staged, stages: over });
    const { from, to } = parts.stages[victim] ?? { from: 0, to: 0 };
    const lost = {
      code: 'ENGINE_FAILED',
      message: 'The process that runs a part of the model has ended.',
      facts: { from, to, code: undefined, signal: 'SIGKILL' },
    };
    await expect(generate(stages)).rejects.toMatchObject(lost);
    await expect(generate(parts.stages)).rejects.toMatchObject(lost);
    // The others go on with a new one in its place.
    const { path: modelPath, modelId } = model;
    await using fresh = await spawnStage({ ...SIZES, modelPath, modelId, from, to });
    const healed = await generate(parts.stages.with(victim, fresh));
    expect(healed.outputTokens).toHaveLength(8);
  },
);

test('a stage that does not answer is waited for until the signal says so', async () => {
  await using parts = await spawnAll();
  const run = await parts.stages[0]?.open(REQUEST);
  process.kill(parts.stages[0]?.pid ?? 0, 'SIGSTOP');
  const given = run?.step({ tokens: PROMPT.slice(0, 5) }, { signal: AbortSignal.timeout(50) });
  await expect(given).rejects.toMatchObject({ code: 'ABORTED' });
});

test('stages that do not make a whole model are refused, and so is a part that the model does not have', async () => {
  await using parts = await spawnAll(1, 3);
  const generate = (stages: readonly SpawnedStage[]) =>
    generateStaged(
      GENERATION,
      { batch: 5, endTokens: new Set() },
      { stages, traceModel: traceModelOf(whole.model), sha256: nodeHash },
    );
  await expect(generate(parts.stages.slice(1))).rejects.toMatchObject({
    code: 'BAD_ARGUMENT',
    message: 'A stage does not begin where the one before it ends.',
  });
  await expect(generate(parts.stages.slice(0, 2))).rejects.toMatchObject({
    code: 'BAD_ARGUMENT',
    message: 'The stages do not reach the last layer.',
  });
  const { path: modelPath, modelId } = model;
  await expect(spawnStage({ ...SIZES, modelPath, modelId, from: 3, to: 5 })).rejects.toMatchObject({
    code: 'BAD_ARGUMENT',
    message: 'The model has no such layers.',
  });
});
