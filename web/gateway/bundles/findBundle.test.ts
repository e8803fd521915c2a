import { decodeBundle, requestIdOf, verifyBundle } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  cluster,
  domain,
  keyHash,
  model,
  question,
  type TestMarket,
  testMarket,
} from '../scheduler/fixtures/testMarket.ts';
import { ANSWER } from '../scheduler/fixtures/testWorker.ts';
import { hashApiKey } from '../store/apiKeys.ts';
import { forgetRequests } from '../store/requests.ts';
import { findBundle } from './findBundle.ts';

let market: TestMarket;

beforeAll(async () => {
  market = await testMarket({ workers: 3 });
}, 120_000);
afterAll(async () => {
  await market[Symbol.asyncDispose]();
});

test('B-01: the bundle is for the key that asked, while its prompt is kept, and holds what a verifier needs', async () => {
  const { db } = market.database;
  {
    await using scheduler = await market.open();
    await market.collect(scheduler, question('quorum'));
  }
  const requestId = market.entries[0]?.ticket.value.requestId ?? new Uint8Array();
  let isWithheld = false;
  const find = findBundle({ lateMs: 1000 })({
    db,
    domain,
    cluster,
    view: {
      epoch: () => 0n,
      participant: () => ({
        identity: market.gateway.keypair.publicKey,
        previousIdentity: market.gateway.keypair.publicKey,
        identityFromEpoch: 0n,
      }),
    },
    models: [model],
    isWithheld: () => isWithheld,
    bodies: { manifest: async () => undefined, report: async () => undefined, bytes: async () => undefined },
  });
  expect(await find({ requestId, keyHash: hashApiKey('sk-other') })).toBeUndefined();
  expect(await find({ requestId: new Uint8Array(32), keyHash })).toBeUndefined();
  const file = await find({ requestId, keyHash });
  const bundle = decodeBundle(file);
  expect(bundle.tokens).toEqual(ANSWER.tokens);
  expect(bundle.entry).toEqual(market.entries[0]);
  expect(requestIdOf(domain, bundle.request)).toEqual(requestId);
  const verdict = verifyBundle(bundle, market.bundleChain);
  expect(verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
  expect([verdict.holds, verdict.pending.length > 0]).toEqual([false, true]);

  isWithheld = true;
  expect(await find({ requestId, keyHash })).toBeUndefined();
  isWithheld = false;

  await forgetRequests(db, BigInt(Number.MAX_SAFE_INTEGER));
  expect(await find({ requestId, keyHash })).toBeUndefined();
});
