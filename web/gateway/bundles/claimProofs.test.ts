import { type ConfigAccount, type EpochAccount, NONE } from '@karmesh/sdk/program';
import {
  buildReport,
  checkClaimPath,
  type Lifetime,
  lifetimeLeaf,
  reportBody,
  ZERO_HASH,
  ZERO_KARMA,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { claimProofs } from './claimProofs.ts';

const bytes = (fill: number) => new Uint8Array(32).fill(fill);
const domain = bytes(0xd0);
const [A, B] = [bytes(0xa), bytes(0xb)];
const lifetimes: readonly Lifetime[] = [
  { index: 1, participant: A, karma: [5n, 0n, 0n, 2n, 0n], owed: 70n },
  { index: 4, participant: B, karma: ZERO_KARMA, owed: 9n },
];

function builtAt(epoch: bigint) {
  const credit = { entryHash: bytes(1), receiptHash: bytes(2), karma: ZERO_KARMA, owed: 70n };
  const result = {
    lifetimes,
    settlements: [],
    escrowDebits: [],
    carried: [],
    credits: new Map([['0a'.repeat(32), [credit]]]),
    decisions: new Map(),
  };
  const { report, trees } = buildReport(domain, { epoch, result, priorRoot: ZERO_HASH });
  return { body: reportBody({ epoch, report, result, verdicts: [] }), report, trees };
}

/** Claims of a chain whose last final epoch is 9 and whose epoch 8 was passed over, and the epochs whose reports were asked for. */
function claimsOf(options: { readonly serve?: (epoch: bigint, signal: AbortSignal) => Promise<boolean> } = {}) {
  const asked: bigint[] = [];
  const state = { nowMs: 0, lastFinalisedEpoch: 9n };
  const passedOver = new Set([8n]);
  const claims = claimProofs({ epochs: 4, fetchMs: 50, retryMs: 100 })({
    domain,
    view: {
      config: () => state as unknown as ConfigAccount,
      participant: (address) => (address[0] === 0xff ? undefined : {}),
      epochAccount: (epoch) => ({ epoch, state: passedOver.has(epoch) ? 2 : 6 }) as unknown as EpochAccount,
    },
    bodies: {
      async report(epoch, { signal }) {
        asked.push(epoch);
        const isServed = (await options.serve?.(epoch, signal)) ?? true;
        return isServed ? { body: builtAt(epoch).body, verdictsRoot: ZERO_HASH } : undefined;
      },
    },
    clock: { nowMs: () => state.nowMs },
  });
  return { asked, claims, state };
}

test('P-21: a claim is a leaf and a path that reach the report’s claimsRoot; a report is asked for once, however many want it', async () => {
  const { asked, claims } = claimsOf();
  const found = await Promise.all([A, B, A, B].map((participant) => claims.find({ epoch: 9n, participant })));
  expect(asked).toEqual([9n]);
  const { report, trees } = builtAt(9n);
  for (const [i, lifetime] of [...lifetimes, ...lifetimes].entries()) {
    const one = found[i];
    if (one?.found !== 'claim') throw new Error('There is no such claim.');
    const { path, receiptsRoot, ...leaf } = one.claim;
    expect(leaf).toEqual({ ...lifetime, epoch: 9n });
    expect(receiptsRoot).toEqual(lifetime.index === 1 ? trees.credits.get('0a'.repeat(32))?.root.hash : ZERO_HASH);
    const { hash } = lifetimeLeaf(domain, { epoch: 9n, lifetime, receiptsRoot });
    const { claimsRoot: root, participantCount: count } = report;
    expect(checkClaimPath({ leaf: hash, index: lifetime.index, count, path, root })).toBe(true);
  }
  await claims.find({ epoch: 9n, participant: A });
  expect(asked).toEqual([9n]);
});

test('nothing is asked for what is not final, is long ago, or is nobody’s; who earned nothing has nothing', async () => {
  const { asked, claims } = claimsOf();
  const find = async (epoch: bigint, participant = A) => (await claims.find({ epoch, participant })).found;
  expect(await find(10n)).toBe('not-final');
  expect(await find(2n ** 64n)).toBe('not-final');
  expect(await find(8n)).toBe('not-final');
  expect(await find(9n, bytes(0xff))).toBe('nobody');
  expect(await find(5n)).toBe('too-old');
  expect(asked).toEqual([]);
  expect(await find(6n)).toBe('claim');
  expect(await claims.find({ epoch: 6n, participant: bytes(0xc) })).toEqual({ found: 'nothing', epoch: 6n });
  expect(asked).toEqual([6n]);
});

test('the last final epoch is meant where none is told', async () => {
  const { asked, claims, state } = claimsOf();
  expect(await claims.find({ epoch: undefined, participant: A })).toMatchObject({
    found: 'claim',
    claim: { epoch: 9n },
  });
  state.lastFinalisedEpoch = NONE;
  expect(await claims.find({ epoch: undefined, participant: A })).toEqual({ found: 'nothing', epoch: undefined });
  expect(await claims.find({ epoch: 0n, participant: A })).toEqual({ found: 'not-final' });
  expect(asked).toEqual([9n]);
});

test('a report that nobody had is asked for again later, and so is one that came too late or failed', async () => {
  const answers = [
    async () => false,
    async (signal: AbortSignal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw signal.reason;
    },
    async () => Promise.reject(new Error('A fault.')),
    async () => true,
  ];
  const { asked, claims, state } = claimsOf({ serve: async (_, signal) => answers.shift()?.(signal) ?? false });
  const find = () => claims.find({ epoch: 9n, participant: A });
  expect([(await find()).found, (await find()).found, asked.length]).toEqual(['away', 'away', 1]);
  state.nowMs = 100;
  expect([(await find()).found, asked.length]).toEqual(['away', 2]);
  state.nowMs = 200;
  await expect(find()).rejects.toThrow('A fault.');
  expect([(await find()).found, asked.length]).toEqual(['claim', 4]);
});

test('what is too old to be asked for is forgotten', async () => {
  const { asked, claims, state } = claimsOf();
  const find = async (epoch: bigint) => (await claims.find({ epoch, participant: A })).found;
  await find(6n);
  state.lastFinalisedEpoch = 10n;
  expect(await find(6n)).toBe('too-old');
  // A chain does not go back; this shows that nothing is kept of epoch 6.
  state.lastFinalisedEpoch = 9n;
  await find(6n);
  expect(asked).toEqual([6n, 6n]);
});
