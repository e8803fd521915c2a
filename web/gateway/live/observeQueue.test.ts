import { modelIdOf } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { manualClock } from '../scheduler/fixtures/manualClock.ts';
import { observeQueue } from './observeQueue.ts';

const manifest = {
  name: 'tiny',
  fileHash: new Uint8Array(32),
  fileBytes: 1n,
  architecture: 'llama',
  quantisation: 'Q8_0',
  tokenizerHash: new Uint8Array(32),
  templateHash: new Uint8Array(32),
  totalParameters: 3_000_000n,
  activeParameters: 3_000_000n,
  contextLength: 512,
  vocabulary: 32_000,
  licence: 'Apache-2.0',
};

test('remembers the most of each moment, though nothing is there when the moment ends', async () => {
  const clock = manualClock(0);
  using queue = observeQueue({ maxRunning: 2, maxWaiting: 4, sampleMs: 5_000, maxSamples: 2 })({
    models: () => [{ modelId: modelIdOf(manifest), manifest }],
    unitPrice: () => 20_000n,
    clock,
  });
  {
    using first = queue.stages.enter('drawing');
    using _second = queue.stages.enter('drawing');
    first.reach('working');
    using _third = queue.stages.enter('waiting');
    queue.ended('agreed');
  }
  queue.ended('none');
  await clock.pass(5_000);
  await clock.pass(5_000);
  const quiet = { mostWaiting: 0, mostRunning: 0, agreed: 0, failed: 0 };
  expect(queue.read()).toEqual({
    atMs: 10_000,
    stages: { waiting: 0, drawing: 0, working: 0, answering: 0, closing: 0 },
    maxRunning: 2,
    maxWaiting: 4,
    sampleMs: 5_000,
    history: [
      { atMs: 5_000, mostWaiting: 1, mostRunning: 2, agreed: 1, failed: 1 },
      { atMs: 10_000, ...quiet },
    ],
    prices: [{ model: 'tiny', outputLamports: '60000', promptLamports: '7500' }],
  });
});

test('a moment carries on with what it began with', async () => {
  const clock = manualClock(0);
  using queue = observeQueue({ maxRunning: 2, maxWaiting: 4, sampleMs: 5_000, maxSamples: 9 })({
    models: () => [],
    unitPrice: () => 0n,
    clock,
  });
  using _request = queue.stages.enter('drawing');
  queue.ended('agreed');
  await clock.pass(5_000);
  await clock.pass(5_000);
  expect(queue.read().history).toEqual([
    { atMs: 5_000, mostWaiting: 0, mostRunning: 1, agreed: 1, failed: 0 },
    { atMs: 10_000, mostWaiting: 0, mostRunning: 1, agreed: 0, failed: 0 },
  ]);
});
