import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, type GenerateOptions, llamaEngine, type PositionMeasurement } from '@karmesh/node/engines';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { judgeMeasurements } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sumMeasurements } from '../../node/src/engines/sumMeasurements.ts';
import { requests } from './prompts.ts';
import { shippedThresholds } from './shippedThresholds.ts';
import { type Variant, writeVariants } from './variants.ts';

// docs/detection.md has the whole measurement; this keeps its verdict true.

/** Output tokens of one worker within which the audit must have flagged it. */
const WITHIN_TOKENS = 256;

const asked = requests({ count: 24, seed: 21, temperatureMicro: 0, maxTokens: 96 });

let folder: string;
let paths: Readonly<Record<Variant, string>>;
let auditor: Engine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-variants-'));
  paths = await writeVariants(folder);
  auditor = await llamaEngine({ modelPath: BUNDLED_MODEL_PATH });
});
afterAll(async () => {
  await auditor[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** The worker's answers to all prompts, one after the other, as the auditor's replay sees their tokens. */
async function positionsOf(worker: Engine): Promise<readonly PositionMeasurement[]> {
  const audited = await Promise.all(
    asked.map(async (request: GenerateOptions) => {
      const { outputTokens, finishReason } = await worker.generate(request);
      return auditor.replay({ ...request, outputTokens, finishReason });
    }),
  );
  return audited.flatMap(({ positions }) => positions);
}

/** After how many tokens the shipped thresholds flag the worker; undefined if they never do. */
function flaggedAfter(positions: readonly PositionMeasurement[]): number | undefined {
  const thresholds = shippedThresholds();
  const after = positions.findIndex(
    (_, i) => judgeMeasurements(sumMeasurements(positions.slice(0, i + 1)), thresholds) !== undefined,
  );
  return after < 0 ? undefined : after + 1;
}

test.for(['q4_0', 'changed'] as const)('U-05: a worker that runs %s is flagged within 256 tokens', async (variant) => {
  await using worker = await llamaEngine({ modelPath: paths[variant] });
  expect(flaggedAfter(await positionsOf(worker))).toBeLessThanOrEqual(WITHIN_TOKENS);
});

test('U-05: a worker that runs the bundled model is not flagged', async () => {
  const positions = await positionsOf(auditor);
  expect(positions.length).toBeGreaterThan(WITHIN_TOKENS);
  expect(flaggedAfter(positions)).toBeUndefined();
});
