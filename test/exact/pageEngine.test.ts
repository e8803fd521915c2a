import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM } from '../browser/openPage.ts';
import { type BitModel, type BitPage, convertBundled, openBitPage } from './sameBits/places.ts';

// The exact engine in a page; that it computes what Node does, sameBits.test.ts shows.

const title = `in a page${CHROMIUM === undefined ? ' (skipped: no Chromium is installed here)' : ''}`;
describe.skipIf(CHROMIUM === undefined)(title, () => {
  let model: BitModel;
  let page: BitPage;
  beforeAll(async () => {
    model = await convertBundled();
    page = await openBitPage(model, { isIsolated: true });
  });
  afterAll(async () => {
    await page?.[Symbol.asyncDispose]();
    await model?.[Symbol.asyncDispose]();
  });
  const some = { counts: { prompts: 2, tokens: 2 }, threads: 1, sequences: 2 };

  test.each([
    [
      'has another hash',
      { fileHash: 'ab'.repeat(32) },
      'MODEL_INVALID',
      'The model has another hash than its manifest.',
    ],
    [
      'is longer than its manifest says',
      { fileBytes: 4096 },
      'MODEL_INVALID',
      'The model is longer than its manifest says.',
    ],
    ['is not there', { modelUrl: 'nowhere' }, 'PEER_UNREACHABLE', 'The model could not be fetched.'],
    ['is waited for too long', { abortAfterMs: 0 }, 'ABORTED', 'Loading the model was stopped.'],
  ])('a model that %s is refused', async (_, place, code, sentence) => {
    expect(await page.run({ ...some, ...place })).toEqual({ code, sentence });
  });

  test('an engine that was closed leaves room for the next one', async () => {
    const first = await page.run({ ...some, threads: 2 });
    expect(first).toMatchObject({ kernels: 'threads' });
    expect(await page.run({ ...some, threads: 2 })).toEqual(first);
  });
});
