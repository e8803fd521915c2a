import { KarmeshError } from '@karmesh/sdk/errors';
import { logger } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { named } from '../fixtures/market.ts';
import type { KnownKeys } from './challengeJudge.ts';
import { keyRegistry } from './keyRegistry.ts';

const { signal } = new AbortController();
const known = { modelId: named('model'), keysRoot: named('root'), keyCount: 3, keys: [{}, {}] } as unknown as KnownKeys;
const name = { modelId: known.modelId, keysRoot: known.keysRoot, keyCount: 3 };

/** A registry before a ledger that is in these states, one after the other. */
function setUp(states: readonly ({ readonly isAdmitted: boolean; readonly isAttested: boolean } | KarmeshError)[]) {
  const asked: unknown[] = [];
  let now = 0;
  let at = 0;
  const registry = keyRegistry({ everyMs: 100 })({
    keys: [known],
    ledger: {
      async standing(keys) {
        asked.push(['standing', keys]);
        const state = states[at++];
        if (state === undefined || state instanceof KarmeshError) throw state ?? new RangeError('Asked too often.');
        return state;
      },
      async attest(keys) {
        asked.push(['attest', keys]);
        return 'signature';
      },
    },
    nowMs: () => now,
    log: logger({ name: 'test', level: 'silent' })(),
  });
  const look = (ms: number) => {
    now += ms;
    return registry.look({ signal });
  };
  return { registry, asked, look };
}

test('Z-40: attests what it knows once, and asks no more once two thirds have', async () => {
  const { registry, asked, look } = setUp([
    { isAdmitted: false, isAttested: false },
    { isAdmitted: false, isAttested: true },
    { isAdmitted: true, isAttested: true },
  ]);
  await look(0);
  expect([asked, registry.isAdmitted(known)]).toEqual([
    [
      ['standing', name],
      ['attest', name],
    ],
    false,
  ]);
  await look(50);
  expect(asked.length).toBe(2);
  await look(50);
  expect([asked.slice(2), registry.isAdmitted(known)]).toEqual([[['standing', name]], false]);
  await look(100);
  expect(registry.isAdmitted(known)).toBe(true);
  await look(1_000);
  expect(asked.length).toBe(4);
});

test('a chain that refuses or is not there is asked again', async () => {
  const { registry, look } = setUp([
    new KarmeshError('RPC_UNREACHABLE', 'It is down.'),
    { isAdmitted: true, isAttested: false },
  ]);
  await look(0);
  expect(registry.isAdmitted(known)).toBe(false);
  await look(100);
  expect(registry.isAdmitted(known)).toBe(true);
});

test('Z-40: says of keys that it does not know what the chain says', async () => {
  const { registry, asked } = setUp([
    { isAdmitted: true, isAttested: false },
    { isAdmitted: false, isAttested: false },
  ]);
  const other = { ...name, keysRoot: named('another root') };
  expect(await registry.isAdmittedElsewhere(other, { signal })).toBe(true);
  expect(await registry.isAdmittedElsewhere(other, { signal })).toBe(false);
  expect(asked).toEqual([
    ['standing', other],
    ['standing', other],
  ]);
});
