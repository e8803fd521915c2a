import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ExactEngine, exactEngine, exactModelFile } from '@karmesh/node/engines';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { ask } from '@karmesh/sdk/client';
import {
  equalBytes,
  operatorInputs,
  hash as protocolHash,
  type Sha256,
  type TraceLevel,
  toHex,
  traceShape,
} from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReplayOptions, ReplayResult } from '../../node/src/engines/engine.ts';
import { firstDivergence } from '../../node/src/engines/exact/dispute/firstDivergence.ts';
import { judgeLeaf, replayOperator, tensorOf } from '../../node/src/engines/exact/dispute/replayOperator.ts';
import { traceOpener } from '../../node/src/engines/exact/dispute/traceOpener.ts';
import { openExactModel } from '../../node/src/engines/exact/file/exactModel.ts';
import { openModelFile } from '../../node/src/engines/exact/file/modelFiles.ts';
import { flipWeight } from '../harness/flipWeight.ts';
import { startTestMarket, type TestMarket } from '../harness/market.ts';
import { FLIP } from './hostile/flip.ts';

// One of four workers on the exact engine runs a model with one flipped weight. It says the same words; it did not run the same model.

const FLIPPED = 0;
const QUESTION = 'What is the capital of Spain?';
const sha256: Sha256 = (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer'));

let folder: string;
let honest: ExactEngine;
let flipped: ExactEngine;
let answer: ReplayOptions;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-dispute-'));
  const modelPath = join(folder, 'flipped.gguf');
  await flipWeight(modelPath, FLIP);
  [honest, flipped] = await Promise.all([
    exactEngine({ modelPath: BUNDLED_MODEL_PATH, cacheFolder: folder }),
    exactEngine({ modelPath, cacheFolder: folder }),
  ]);
  const asked = {
    requestId: protocolHash(new TextEncoder().encode('dispute')),
    messages: [{ role: 'user' as const, content: QUESTION }],
    maxTokens: 64,
    temperatureMicro: 0,
    stops: [],
  };
  const { outputTokens, finishReason } = await honest.generate(asked);
  answer = { ...asked, outputTokens, finishReason };
});
afterAll(async () => {
  await honest?.[Symbol.asyncDispose]();
  await flipped?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function dispute(level: TraceLevel) {
  const [right, wrong] = await Promise.all([honest.trace(answer, { level }), flipped.trace(answer, { level })]);
  const shape = traceShape(honest.traceModel, {
    level,
    promptTokens: right.positions - answer.outputTokens.length + 1,
  });
  const { positions } = right;
  const [a, b] = [wrong, right].map(({ traceRoot, leaves }) => {
    if (leaves === undefined) throw new Error('no leaves');
    return traceOpener({ traceRoot, leaves, shape, positions }, { sha256 });
  });
  if (a === undefined || b === undefined) throw new Error('no openers');
  const found = await firstDivergence({ a, b, shape, positions }, { sha256 });
  if (found.kind !== 'leaf') throw new Error(`The traces have ${found.kind}.`);
  return { found, shape, positions, leaves: shape.leaves(positions) };
}

test('X-72: the first operator that differs is found in 2 log2 openings, and replaying it says who was wrong', async () => {
  const said = await flipped.generate(answer);
  expect(said.text).toBe('The capital of Spain is Madrid.');
  expect(said.outputTokens).toEqual(answer.outputTokens);

  const blocks = await dispute('blocks');
  expect(blocks.found.openings).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(blocks.leaves)));
  expect(blocks.shape.tensors[blocks.found.place.tensor]).toMatchObject({ name: 'residual', layer: 2 });

  const { found, shape, leaves } = await dispute('operators');
  expect(found.openings).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(leaves)));
  const tensor = shape.tensors[found.place.tensor];
  expect({ position: found.place.position, name: tensor?.name, layer: tensor?.layer }).toEqual({
    position: blocks.found.place.position,
    name: 'up',
    layer: 2,
  });
  if (tensor === undefined) throw new Error('no tensor');

  // All that the operator reads lies before it in the trace, where both sides have the same leaves; either may open them.
  const place = { ...tensor, position: found.place.position };
  const wanted = operatorInputs(place, honest.traceModel.layers).flatMap((input) => {
    const index = shape.tensors.findIndex(({ name, layer }) => name === input.name && layer === input.layer);
    return shape.indexOf({ position: input.position, tensor: index, chunk: 0 });
  });
  const { opened } = await flipped.trace(answer, { level: 'operators', open: new Set(wanted) });
  const converted = await exactModelFile(BUNDLED_MODEL_PATH, { cacheFolder: folder });
  await using file = await openModelFile(converted.path);
  const values = await replayOperator(await openExactModel(file), place, {
    token: 0,
    tensor: (input) => tensorOf(shape, input, (index) => opened.get(index) ?? new Uint8Array(0)),
  });
  expect(judgeLeaf({ shape, place: found.place, values, a: found.a, b: found.b }, { sha256 })).toBe('b');
});

test('X-72: who opens what it did not commit to is found out on the way', async () => {
  const [right, wrong] = await Promise.all([
    honest.trace(answer, { level: 'blocks' }),
    flipped.trace(answer, { level: 'blocks' }),
  ]);
  const { positions, traceRoot } = wrong;
  const shape = traceShape(honest.traceModel, {
    level: 'blocks',
    promptTokens: positions - answer.outputTokens.length + 1,
  });
  const leaves = right.leaves ?? new Uint8Array(0);
  const b = traceOpener({ traceRoot: right.traceRoot, leaves, shape, positions }, { sha256 });
  // The liar shows the honest tree and hopes that nobody looks at what it signed.
  const a = traceOpener({ traceRoot, leaves, shape, positions }, { sha256 });
  expect(await firstDivergence({ a, b, shape, positions }, { sha256 })).toEqual({
    kind: 'false-opening',
    side: 'a',
    openings: 0,
  });

  const own = traceOpener({ traceRoot, leaves: wrong.leaves ?? leaves, shape, positions }, { sha256 });
  expect(await firstDivergence({ a: { ...a, root: own.root }, b, shape, positions }, { sha256 })).toMatchObject({
    kind: 'false-opening',
    side: 'a',
    openings: 2,
  });
});

test('Q-01, U-03: the one with the flipped weight says the same words, dissents by its trace and is not paid', {
  timeout: 240_000,
}, async () => {
  const signal = AbortSignal.timeout(230_000);
  const flippedWorker = fileURLToPath(new URL('./hostile/flippedWorker.ts', import.meta.url));
  await using market: TestMarket = await startTestMarket(
    { workers: 0, exactWorkers: 3, validators: 1, workerScripts: [flippedWorker] },
    { signal },
  );
  const given = await ask(market.running.gateway, {
    prompt: QUESTION,
    model: 'tiny-spike-exact',
    temperature: 0,
    signal,
  });
  expect(given.text).toBe('The capital of Spain is Madrid.');
  expect(given.evidence.quorum).toEqual({ verdict: 'agreed', agreeing: 2, asked: 3 });
  const { bundle, verdict } = await market.final(given.evidence.requestId, { signal });
  expect(verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
  const liar = await market.worker(FLIPPED, { signal });
  const receipts = bundle.entry.evidence.receipts.map(({ receipt, body }) => ({
    isLiar: equalBytes(receipt.value.worker, liar.address),
    outputHash: toHex(receipt.value.outputHash),
    traceRoot: toHex(body.traceRoot),
  }));
  // What each worker committed to is what its model gives on another machine, to the last bit.
  const [right, wrong] = await Promise.all([honest.replay(answer), flipped.replay(answer)]);
  const rootOf = ({ traceRoot }: ReplayResult) => toHex(traceRoot ?? new Uint8Array(0));
  expect(new Set(receipts.map(({ outputHash }) => outputHash)).size).toBe(1);
  for (const { isLiar, traceRoot } of receipts) expect(traceRoot).toBe(rootOf(isLiar ? wrong : right));
  const credited = bundle.report?.credits ?? [];
  expect(credited).toHaveLength(2);
  expect(credited.some(({ participant }) => equalBytes(participant, liar.address))).toBe(false);
});
