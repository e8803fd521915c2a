import { expect, test } from 'vitest';
import type { AppParts } from '../app.ts';
import type { FoundClaim } from '../bundles/claimProofs.ts';
import { bytes, testApp } from '../fixtures/testApp.ts';

const ADDRESS = '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi';

/** What the route answers where `found` is found, and what it looked for. */
async function ask(path: string, found: FoundClaim) {
  const asked: unknown[] = [];
  const view = {
    slot: () => 0n,
    epoch: () => undefined,
    config: () => Promise.reject(new Error('Nobody reads it.')) as never,
    participants: () => [],
    epochAccount: () => undefined,
  };
  const never = { watch: () => undefined, changed: () => {}, [Symbol.dispose]: () => {} };
  const page: NonNullable<AppParts['page']> = {
    folder: '/nowhere',
    facts: {
      cluster: { isLocal: true, rpcUrl: undefined, programId: bytes(32, 2) },
      view,
      announced: () => [],
      history: { read: async () => [] },
    },
    claims: {
      async find(wanted) {
        asked.push(wanted);
        return found;
      },
    },
    feeds: { mesh: never, queue: never },
  };
  const { app } = testApp({ parts: { page } });
  const response = await app.request(`/v1/market/claims/${path}`);
  return { status: response.status, headers: response.headers, body: await response.json(), asked };
}

test('gives the leaf and the path that a claim shows, without a key', async () => {
  const { asked, body, headers, status } = await ask(`12/${ADDRESS}`, {
    found: 'claim',
    claim: {
      epoch: 12n,
      participant: bytes(32, 1),
      index: 7,
      karma: [1n, 2n, 3n, 4n, 2n ** 64n - 1n],
      owed: 2n ** 60n,
      receiptsRoot: bytes(32, 5),
      path: [bytes(32, 6), bytes(32, 7)],
    },
  });
  expect(asked).toEqual([{ epoch: 12n, participant: bytes(32, 1) }]);
  expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
  expect(body).toEqual({
    epoch: '12',
    participant: ADDRESS,
    claim: {
      index: 7,
      lifetimeKarma: {
        inference: '1',
        seeding: '2',
        uptime: '3',
        redundancy: '4',
        validation: '18446744073709551615',
      },
      owedLamports: '1152921504606846976',
      receiptsRoot: '05'.repeat(32),
      path: ['06'.repeat(32), '07'.repeat(32)],
    },
  });
});

test.each([
  [12n, '12'],
  [undefined, null],
])('who has earned nothing by epoch %s has no claim', async (epoch, told) => {
  const { asked, body, status } = await ask(`latest/${ADDRESS}`, { found: 'nothing', epoch });
  expect(asked).toEqual([{ epoch: undefined, participant: bytes(32, 1) }]);
  expect([status, body]).toEqual([200, { epoch: told, participant: ADDRESS, claim: null }]);
});

test.each([
  ['not-final', 404, 'epoch_not_final', 'This epoch is not final, so that nothing can be claimed by it.', null],
  ['too-old', 404, 'epoch_too_old', 'This epoch is too long ago; the last final one owes all that it did.', null],
  ['nobody', 404, 'participant_not_found', 'The chain has no participant of this address.', null],
  ['away', 503, 'report_not_found', 'No validator gave the report of this epoch in time. Try again in a moment.', '30'],
] as const)('says that a claim is %s with %i %s', async (found, status, code, message, retryAfter) => {
  const answer = await ask(`12/${ADDRESS}`, { found });
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, retryAfter]);
  expect(answer.body).toMatchObject({ error: { code, message } });
});

test.each([
  [`-1/${ADDRESS}`, 'epoch', 'An epoch is a whole number of at most 20 digits, or `latest`.'],
  [`1e9/${ADDRESS}`, 'epoch', 'An epoch is a whole number of at most 20 digits, or `latest`.'],
  [`${'9'.repeat(21)}/${ADDRESS}`, 'epoch', 'An epoch is a whole number of at most 20 digits, or `latest`.'],
  [`12/${ADDRESS}1111`, 'participant', 'An address must be 32 bytes in base58.'],
  ['12/0OIl', 'participant', 'An address must be 32 bytes in base58.'],
  [`12/${'z'.repeat(5_000)}`, 'participant', 'An address must be 32 bytes in base58.'],
  ['12/%00', 'participant', 'An address must be 32 bytes in base58.'],
])('refuses %s, and looks for nothing', async (path, param, message) => {
  const { asked, body, status } = await ask(path, { found: 'nobody' });
  expect([status, asked]).toEqual([400, []]);
  expect(body).toMatchObject({ error: { param, message } });
});
