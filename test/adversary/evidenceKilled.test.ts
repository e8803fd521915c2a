import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAULT } from '@karmesh/sdk/program';
import {
  doubleSign,
  falseAttestationKey,
  falseLifetimeEvidence,
  falseVoteKey,
  type KarmaVector,
} from '@karmesh/sdk/protocol';
import { type Keypair, logger } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EvidenceChain, evidenceChain } from '../../validator/src/chain/evidenceChain.ts';
import { bringEvidence } from '../../validator/src/dispute/bringEvidence.ts';
import { evidenceBudget } from '../../validator/src/dispute/evidenceBudget.ts';
import { caseWatch } from '../../validator/src/dispute/executeCases.ts';
import { type Found, foundTwice } from '../../validator/src/dispute/finding.ts';
import { type FindingStore, openFindingStore } from '../../validator/src/dispute/findingStore.ts';
import { attestedToVerdicts, makeReport, sealOf, sendReveal, sendSeal, toVerdicts } from '../program/epochSteps.ts';
import { fundedFinder, readCase, readFault, twoReceipts } from '../program/evidenceSteps.ts';
import { tell } from '../program/falseReport.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { ledgerClient } from '../program/ledgerClient.ts';
import { attestSet, evidenceOf, marketOf, signedEntry, signedSet, withSignature } from '../program/signedSet.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readConfig,
  readEpoch,
  readParticipant,
  startWorld,
  type World,
} from '../program/world.ts';

// A validator that has found something is killed at every step of bringing it, before and after the chain has the step.

const LIMIT = 100_000_000n;
const MADE_UP: KarmaVector = [400_000n, 0n, 0n, 0n, 0n];
const signal = AbortSignal.timeout(120_000);
const log = logger({ name: 'test', level: 'silent' })();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-killed-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

class Killed extends Error {}

/** Every call that sends, counted; the one whose turn it is throws before or after the chain has it. */
function dyingChain(chain: EvidenceChain, kill: { at: number; readonly when: 'before' | 'after' }): EvidenceChain {
  const dying =
    <A extends readonly unknown[], R>(send: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      kill.at -= 1;
      const isTurn = kill.at === 0;
      if (isTurn && kill.when === 'before') throw new Killed();
      const result = await send(...args);
      if (isTurn) throw new Killed();
      return result;
    };
  return {
    ...chain,
    commit: dying(chain.commit),
    dropFinding: dying(chain.dropFinding),
    openBuffer: dying(chain.openBuffer),
    write: dying(chain.write),
    closeBuffer: dying(chain.closeBuffer),
    showTwice: dying(chain.showTwice),
    showFault: dying(chain.showFault),
    accuse: dying(chain.accuse),
  };
}

let stores = 0;
/** A finder that dies as told, each time in a store that is opened anew, until all is settled. Resolves with how often it died. */
async function bringUntilSettled(
  world: World,
  finder: Keypair,
  options: {
    readonly found: Found;
    readonly kill?: { at: number; readonly when: 'before' | 'after' };
    readonly path?: string;
    readonly limit?: bigint;
    readonly maxRuns?: number;
  },
): Promise<{ readonly died: number; readonly store: FindingStore; readonly isSettled: boolean }> {
  const path = options.path ?? join(folder, `${stores++}.db`);
  let store = openFindingStore(path);
  const add = () => store.add(options.found, { salt: new Uint8Array(32).fill(9), slot: 0n });
  expect(add()).toBe(true);
  // What is found again is nothing new.
  expect(add()).toBe(false);
  const real = evidenceChain({ client: ledgerClient(world, finder), identity: finder.publicKey });
  const chain = options.kill === undefined ? real : dyingChain(real, options.kill);
  let died = 0;
  for (let run = 0; run < (options.maxRuns ?? 80); run++) {
    const slot = await world.ledger.slot();
    try {
      const result = await bringEvidence(
        {
          domain: world.domain,
          identity: finder.publicKey,
          chain,
          store,
          budget: evidenceBudget({
            limitLamports: options.limit ?? LIMIT,
            store,
            epoch: () => 0n,
            log,
            observe: () => {},
          }),
          slot: () => slot,
          isProvable: () => true,
          isDecided: () => true,
          turnSlots: () => 4n,
          bondOf: () => 0n,
          filed: new Set(),
          log,
          observe: () => {},
        },
        { signal },
      );
      if (result === 'done') return { died, store, isSettled: true };
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      died += 1;
      store[Symbol.dispose]();
      store = openFindingStore(path);
    }
    await world.ledger.untilSlot(slot + 4n);
  }
  return { died, store, isSettled: false };
}

async function startedWorld(evidenceEpochs = 2n): Promise<World> {
  const world = await buildWorld(liteSvmLedger(), { stakes: [8n, 8n, 8n, 8n], parameters: { evidenceEpochs } });
  await startWorld(world);
  return world;
}

function receiptsOf(world: World, worker: Member): Found {
  const twice = twoReceipts(worker);
  if (twice.name !== 'receipt') throw new RangeError('These are receipts.');
  const { messages } = doubleSign(world.domain, twice);
  const signatures = [worker.identity.sign(messages[0]), worker.identity.sign(messages[1])] as const;
  return foundTwice(world.domain, { twice, signatures, identity: worker.identity.publicKey, epoch: 0n });
}

test.each([
  [1, 'before'],
  [1, 'after'],
  [2, 'before'],
  [2, 'after'],
] as const)('P-41, P-44: two receipts are shown once, though the finder dies at step %i, %s it', async (at, when) => {
  const world = await startedWorld();
  const [worker] = world.workers as [Member];
  const finder = await fundedFinder(world);
  const found = receiptsOf(world, worker);
  const { died, store, isSettled } = await bringUntilSettled(world, finder, { found, kill: { at, when } });
  expect([died, isSettled]).toEqual([1, true]);
  expect(store.all()).toMatchObject([{ state: 'settled', isOurs: true }]);
  const { offenceKey } = found.type === 'doubleSign' ? found.of : { offenceKey: new Uint8Array(32) };
  expect(await readCase(world, worker.address, offenceKey)).toMatchObject({ finder: finder.publicKey, executed: 0 });
  expect((await readParticipant(world, worker.address)).openCases).toBe(1);
});

/** Three of four voted for a report that pays for nothing; evidence of several pieces. */
async function falselyReported(): Promise<{ world: World; found: Found; guilty: readonly Member[] }> {
  const world = await startedWorld();
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const [friend] = world.workers as [Member];
  await toVerdicts(world, 0n);
  return { world, found: await voteFalsely(world, { liars: [a, b, c], honest: [d], friend }), guilty: [a, b, c] };
}

/** Votes for a false report and for a true one, and what shows the first to be false. */
async function voteFalsely(
  world: World,
  by: { readonly liars: readonly Member[]; readonly honest: readonly Member[]; readonly friend: Member },
): Promise<Found> {
  const told = await tell(world, { epoch: 0n, said: [{ member: by.friend, karma: MADE_UP, owed: 0n }] });
  const honest = await makeReport(world, { epoch: 0n, earned: new Map() });
  const votes = [
    ...by.liars.map((of) => ({ of, report: told.built.report })),
    ...by.honest.map((of) => ({ of, report: honest.report })),
  ];
  for (const { of, report } of votes) await sendSeal(world, of, 0n, sealOf(world, of, { epoch: 0n, report }));
  for (const { of, report } of votes) await sendReveal(world, of, { epoch: 0n, report });
  const index = told.leaves.length - 1;
  const leaf = told.leaves[index];
  if (leaf === undefined) throw new RangeError('The friend has a leaf.');
  const evidence = falseLifetimeEvidence(told.built.report, { index, now: { leaf, path: told.tree.path(index) } });
  const { reportHash } = await readEpoch(world, 0n);
  return { type: 'falseReport', of: { what: 'lifetime', epoch: 0n, reportHash, priorEpoch: 0n, evidence } };
}

function reportOf(found: Found): Uint8Array {
  if (found.type !== 'falseReport') throw new RangeError('These are two records.');
  return found.of.reportHash;
}

// commit, open, write, show, close the buffer, accuse three times
const STEPS = [1, 2, 3, 4, 5, 6, 7, 8];
test.each(STEPS.flatMap((at) => [[at, 'before'] as const, [at, 'after'] as const]))(
  'P-40 to P-47: a false report is shown and its voters are accused, though the finder dies at step %i, %s it',
  async (at, when) => {
    const { world, found, guilty } = await falselyReported();
    const finder = await fundedFinder(world);
    const { died, store, isSettled } = await bringUntilSettled(world, finder, { found, kill: { at, when } });
    expect([died, isSettled]).toEqual([1, true]);
    expect(store.all()).toMatchObject([{ state: 'settled', isOurs: true }]);
    expect(await readFault(world, reportOf(found), FAULT.lifetime)).toMatchObject({ finder: finder.publicKey });
    for (const { address } of guilty) {
      expect(await readCase(world, address, falseVoteKey(0n))).toMatchObject({ finder: finder.publicKey });
      expect((await readParticipant(world, address)).openCases).toBe(1);
    }
    // Nothing is left of what only held rent.
    expect(await world.ledger.account(world.addresses.buffer(finder.publicKey, 1n))).toBeUndefined();
    // A death costs one step at most; with none it is eight fees, a fault and three cases.
    expect(store.spent(0n)).toBeLessThan(5_000n * 12n + 4n * 2_115_840n + 2_120_840n);
  },
);

test('P-47, P-48: who attested a bad set and voted for a false report is accused of both', async () => {
  const world = await startedWorld();
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const [friend] = world.workers as [Member];
  const market = await marketOf(world);
  const entry = withSignature(await signedEntry(world, market, 0n, 1), 'seal', 0, new Uint8Array(64).fill(3));
  const set = signedSet(world, market, { epoch: 0n, entries: [entry] });
  await attestSet(world, set, [a, b, c]);
  await attestedToVerdicts(world, 0n, [a, b, c]);
  const found = await voteFalsely(world, { liars: [a, b, c], honest: [d], friend });
  const finder = await fundedFinder(world);
  const evidence = evidenceOf(world, { set, entry, record: 'seal', place: 0 });
  const bad: Found = {
    type: 'badSet',
    of: { what: 'signature', epoch: 0n, manifestHash: set.manifestHash, evidence },
  };
  // The vote's flag tells of the first of them only.
  for (const one of [bad, found]) {
    const { isSettled, store } = await bringUntilSettled(world, finder, { found: one });
    expect([isSettled, store.all().map(({ state, isOurs }) => [state, isOurs])]).toEqual([true, [['settled', true]]]);
    store[Symbol.dispose]();
  }
  for (const { address } of [a, b, c]) {
    for (const offenceKey of [falseAttestationKey(0n), falseVoteKey(0n)])
      expect(await readCase(world, address, offenceKey)).toMatchObject({ finder: finder.publicKey });
    expect((await readParticipant(world, address)).openCases).toBe(2);
  }
  expect((await readParticipant(world, d.address)).openCases).toBe(0);
});

test('P-41: who comes second stops, and gets its rent back', async () => {
  const { world, found } = await falselyReported();
  const first = await fundedFinder(world, 'first');
  const second = await fundedFinder(world, 'second');
  // The second has committed and written all but the last piece when the first is done.
  const path = join(folder, 'second.db');
  const before = await lamportsOf(world, second.publicKey);
  const slow = await bringUntilSettled(world, second, { found, path, maxRuns: 2 });
  expect(slow.isSettled).toBe(false);
  expect(slow.store.all()).toMatchObject([{ state: 'committed' }]);
  slow.store[Symbol.dispose]();
  expect((await bringUntilSettled(world, first, { found })).isSettled).toBe(true);
  const store = openFindingStore(path);
  const chain = evidenceChain({ client: ledgerClient(world, second), identity: second.publicKey });
  const budget = evidenceBudget({ limitLamports: LIMIT, store, epoch: () => 0n, log, observe: () => {} });
  const slot = await world.ledger.slot();
  const seen: string[] = [];
  const parts = {
    ...{ domain: world.domain, identity: second.publicKey, chain, store, budget, log },
    bondOf: () => 0n,
    filed: new Set<string>(),
    ...{ slot: () => slot + 100n, isProvable: () => true, isDecided: () => true, turnSlots: () => 4n },
    observe: ({ outcome }: { readonly outcome: string }) => seen.push(outcome),
  };
  expect(await bringEvidence(parts, { signal })).toBe('done');
  expect(seen).toEqual(['elsewhere']);
  expect(store.all()).toMatchObject([{ state: 'settled', isOurs: false }]);
  // commit, open, write, and two that bring the rent back
  expect(before - (await lamportsOf(world, second.publicKey))).toBe(5n * 5_000n);
});

test('V-33: bringing costs no more in an epoch than it may, and goes on in the next', async () => {
  const { world, found } = await falselyReported();
  const finder = await fundedFinder(world);
  const path = join(folder, 'limited.db');
  // Enough to commit, write and show, and for one case.
  const limit = 5_000n * 4n + 1_614_720n + 2_120_840n;
  const lines: unknown[] = [];
  const limited = await bringUntilSettled(world, finder, { found, path, limit, maxRuns: 20 });
  expect([limited.isSettled, limited.store.spent(0n)]).toEqual([false, limit]);
  const store = limited.store;
  const chain = evidenceChain({ client: ledgerClient(world, finder), identity: finder.publicKey });
  const observed: bigint[] = [];
  const warn = (...line: unknown[]) => void lines.push(line);
  const budget = evidenceBudget({
    ...{ limitLamports: limit, store, log: { warn } },
    epoch: () => 0n,
    observe: (lamports) => observed.push(lamports),
  });
  expect([budget.take(1n), budget.take(1n)]).toEqual([false, false]);
  expect(lines).toEqual([
    [
      {
        epoch: '0',
        spentLamports: `${limit}`,
        limitLamports: `${limit}`,
        retry: 'in the next epoch, or with a higher --evidence-lamports',
      },
      'Bringing evidence has cost as much as it may in this epoch; what is left waits.',
    ],
  ]);
  const next = evidenceBudget({ limitLamports: LIMIT, store, epoch: () => 1n, log, observe: () => {} });
  const slot = await world.ledger.slot();
  const parts = {
    ...{
      domain: world.domain,
      identity: finder.publicKey,
      chain,
      store,
      budget: next,
      bondOf: () => 0n,
      filed: new Set<string>(),
      log,
    },
    ...{ slot: () => slot, isProvable: () => true, isDecided: () => true, turnSlots: () => 4n, observe: () => {} },
  };
  expect(await bringEvidence(parts, { signal })).toBe('done');
  expect(store.spent(1n)).toBe(2n * 2_120_840n);
});

test('what the chain does not take is given up, and the rent comes back', async () => {
  const world = await startedWorld();
  const [worker] = world.workers as [Member];
  const finder = await fundedFinder(world);
  const found = receiptsOf(world, worker);
  if (found.type !== 'doubleSign') throw new RangeError('These are two receipts.');
  // One record twice is no offence.
  const { first, firstHash, firstSignature } = found.of;
  const once: Found = {
    type: 'doubleSign',
    of: { ...found.of, second: first, secondHash: firstHash, secondSignature: firstSignature },
  };
  const before = await lamportsOf(world, finder.publicKey);
  const { store, isSettled } = await bringUntilSettled(world, finder, { found: once });
  expect(isSettled).toBe(true);
  expect(store.all()).toMatchObject([{ state: 'refused', reason: 'NotAnOffence' }]);
  expect(store.open()).toEqual([]);
  expect(before - (await lamportsOf(world, finder.publicKey))).toBeLessThan(100_000n);
});

test('P-43, V-34: anybody’s case is executed in turn once its delay is over, and only then', async () => {
  const world = await startedWorld();
  const [worker] = world.workers as [Member];
  const finder = await fundedFinder(world);
  const found = receiptsOf(world, worker);
  if (found.type !== 'doubleSign') throw new RangeError('These are two receipts.');
  const { store } = await bringUntilSettled(world, finder, { found });
  const { offenceKey } = found.of;
  const filed = await readCase(world, worker.address, offenceKey);
  const crank = await fundedFinder(world, 'crank');
  const client = ledgerClient(world, crank, [{ offender: worker.address, offenceKey }]);
  const { epochZeroSlot } = await readConfig(world);
  const { slotsPerEpoch, slashDelayEpochs } = world.parameters;
  let slot = await world.ledger.slot();
  let executed = 0;
  const watch = caseWatch({
    chain: evidenceChain({ client, identity: crank.publicKey }),
    budget: evidenceBudget({ limitLamports: LIMIT, store, epoch: () => 0n, log, observe: () => {} }),
    slot: () => slot,
    firstSlotOf: (epoch) => epochZeroSlot + epoch * slotsPerEpoch,
    epochAt: (at) => (at - epochZeroSlot) / slotsPerEpoch,
    slashDelayEpochs: () => slashDelayEpochs,
    turnSlots: () => 5n,
    log,
    onExecuted: () => {
      executed += 1;
    },
  });
  expect([watch.isDue(0), watch.isDue(1)]).toEqual([false, true]);
  await watch.run({ signal });
  expect([executed, watch.isDue(1)]).toEqual([0, false]);
  const due = (await firstSlot(world, filed.filedEpoch + slashDelayEpochs)) + 5n;
  slot = due - 1n;
  expect(watch.isDue(1)).toBe(false);
  slot = due;
  await world.ledger.untilSlot(due);
  expect(watch.isDue(1)).toBe(true);
  await watch.run({ signal });
  expect(executed).toBe(1);
  expect(await readCase(world, worker.address, offenceKey)).toMatchObject({ executed: 1 });
  expect(watch.isDue(0)).toBe(false);
});
