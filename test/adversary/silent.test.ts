import { clusterPreset } from '@karmesh/sdk/clusters';
import { creditsOf, equalBytes } from '@karmesh/sdk/protocol';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { domain } from '../../web/gateway/scheduler/fixtures/testMarket.ts';
import { ANSWER, type Behaviour } from '../../web/gateway/scheduler/fixtures/testWorker.ts';
import { type Asked, type GatewayAtWork, gatewayAtWork } from './gatewayAtWork.ts';

// A worker that is drawn and says nothing: from the start, after it accepted, or after it sealed.

let gateway: GatewayAtWork;
beforeAll(async () => {
  gateway = await gatewayAtWork();
});
afterAll(() => gateway[Symbol.asyncDispose]());
afterEach(() => {
  for (const worker of gateway.market.workers) worker.behaviour = { kind: 'honest' };
});

/** Asks with the first of the draw behaving so; gives what came of it and who they were. */
async function askWith(...behaviours: readonly Behaviour[]) {
  const drawn = await gateway.nextDraw();
  for (const [place, behaviour] of behaviours.entries()) {
    const worker = drawn[place];
    if (worker !== undefined) worker.behaviour = behaviour;
  }
  const asked = await gateway.ask();
  return { ...asked, silent: drawn.slice(0, behaviours.length).map(({ participant }) => participant) };
}

/** Whom a validator that accepts the entry would credit. */
function credited({ entry }: Pick<Asked, 'entry'>): readonly Uint8Array[] {
  const verdict = gateway.market.judge(entry);
  if (verdict.verdict !== 'accept') throw new RangeError(`A validator does not accept the entry: ${verdict.rule}.`);
  const { chain, offchain } = clusterPreset('localnet');
  return creditsOf({ chain, offchain, domain }, verdict.entry).map(({ worker }) => worker);
}

const stages: readonly (readonly [after: 'dispatch' | 'accepted' | 'sealed', cause: string])[] = [
  ['dispatch', 'no-acceptance'],
  ['accepted', 'no-seal'],
  ['sealed', 'no-reveal'],
];

test.each(stages)(
  'F-27: silence after "%s" is recorded as %s; the answer is given and the silent earns nothing',
  async (after, cause) => {
    const asked = await askWith({ kind: 'silent', after });
    expect(asked.text).toBe(ANSWER.text);
    expect(asked.outcomes).toEqual(['timed-out', 'agreed', 'agreed']);
    const { timeouts } = asked.entry.evidence;
    expect(timeouts.map(({ value }) => [value.worker, value.cause])).toEqual([[asked.silent[0], cause]]);
    const workers = credited(asked);
    expect(workers).toHaveLength(2);
    expect(workers.some((worker) => equalBytes(worker, asked.silent[0] ?? worker))).toBe(false);
  },
);

test('E-17: when two of three are silent the next of the draw is asked, until two agree', async () => {
  const silent: Behaviour = { kind: 'silent', after: 'dispatch' };
  const asked = await askWith(silent, silent);
  expect(asked.text).toBe(ANSWER.text);
  expect(asked.outcomes.filter((outcome) => outcome === 'timed-out')).toHaveLength(2);
  expect(asked.entry.evidence.timeouts.map(({ value }) => value.worker)).toEqual(asked.silent);
  const workers = credited(asked);
  expect(workers.length).toBeGreaterThanOrEqual(2);
  for (const worker of workers) expect(asked.silent.some((one) => equalBytes(one, worker))).toBe(false);
});

test('E-17: a worker that cannot be reached is recorded and made up for at once', async () => {
  const asked = await askWith({ kind: 'gone' });
  expect(asked.outcomes).toEqual(['timed-out', 'agreed', 'agreed', 'agreed']);
  expect(asked.entry.evidence.timeouts.map(({ value }) => value.cause)).toEqual(['unreachable']);
  expect(credited(asked)).toHaveLength(3);
});

test('E-17: silence and a lie together still leave the answer to two honest workers', async () => {
  const asked = await askWith({ kind: 'silent', after: 'accepted' }, { kind: 'lies', tokens: [66], text: 'London' });
  expect(asked.text).toBe(ANSWER.text);
  expect(asked.outcomes).toEqual(['timed-out', 'dissented', 'agreed', 'agreed']);
  const workers = credited(asked);
  expect(workers).toHaveLength(2);
  for (const worker of asked.silent) expect(workers.some((one) => equalBytes(one, worker))).toBe(false);
});
