import { EPOCH_STATE } from '@karmesh/sdk/program';
import { encode, equalBytes, type KeptReport, reportBodyCodec, ZERO_HASH } from '@karmesh/sdk/protocol';
import { type Keypair, logger } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import type { EpochFacts } from '../../validator/src/chain/chainReader.ts';
import { type EvidenceChain, evidenceChain } from '../../validator/src/chain/evidenceChain.ts';
import { type ChallengeWatch, challengeWatch } from '../../validator/src/dispute/answerChallenges.ts';
import type { EpochBodies } from '../../validator/src/epoch/epochBodies.ts';
import {
  keptReport,
  nameOf,
  readChallenge,
  sendAccuseSilent,
  sendCloseChallenge,
  sendOpen,
  voteBy,
} from '../program/challengeSteps.ts';
import { type BuiltReport, toFinalised, toVerdicts } from '../program/epochSteps.ts';
import { fundedFinder } from '../program/evidenceSteps.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { ledgerClient } from '../program/ledgerClient.ts';
import { refused } from '../program/refused.ts';
import { buildWorld, lamportsOf, type Member, readEpoch, startWorld, type World } from '../program/world.ts';

// Somebody asks honest voters for a place of their report, to have them slashed for silence: they answer, and who is killed meanwhile answers afterwards.

const signal = AbortSignal.timeout(120_000);
const log = logger({ name: 'test', level: 'silent' })();
const INDEX = 4;
const NAMES = ['openBuffer', 'write', 'answer', 'closeBuffer'] as const;

class Killed extends Error {}

/** Dies at a call that sends, before or after the chain has it. */
function dyingChain(chain: EvidenceChain, kill: { at: number; readonly when: 'before' | 'after' }): EvidenceChain {
  const dying =
    <A extends readonly unknown[], R>(send: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      kill.at -= 1;
      if (kill.at === 0 && kill.when === 'before') throw new Killed();
      const result = await send(...args);
      if (kill.at === 0) throw new Killed();
      return result;
    };
  const [openBuffer, write, answer, closeBuffer] = NAMES.map((name) => dying(chain[name] as never));
  return { ...chain, openBuffer, write, answer, closeBuffer } as unknown as EvidenceChain;
}

/** Two reports, the second after the first, and a challenge of the second. */
async function challenged() {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a] = world.validators as [Member];
  const [worker] = world.workers as [Member];
  const first = await keptReport(world, { epoch: 0n, rows: [{ member: worker, credits: 3 }] });
  await toFinalised(world, first.built);
  const second = await keptReport(world, {
    epoch: 1n,
    rows: [{ member: worker, had: 3n, credits: 2 }],
    priorRoot: first.built.report.root,
  });
  await toVerdicts(world, 1n);
  await voteBy(
    world,
    1n,
    world.validators.map((of) => ({ of, report: second.built.report })),
  );
  const challenger = await fundedFinder(world, 'challenger');
  await sendOpen(world, challenger, { of: second.built, index: INDEX, voter: a, priorEpoch: 0n });
  return { world, challenger, reports: [first, second], of: second.built };
}

type Reports = readonly { readonly built: BuiltReport; readonly kept: KeptReport }[];

/** What a validator has that holds the bodies of the reports. */
function bodiesOf(reports: Reports): EpochBodies {
  return {
    async find({ epoch, parse }) {
      const found = reports.find(({ built }) => built.epoch === epoch);
      if (found === undefined) return undefined;
      const { report } = found.built;
      const rest = { verdicts: [], settlements: [], escrowDebits: [], carried: [] };
      return parse(encode(reportBodyCodec, { epoch, report, lifetimes: found.kept.lifetimes, ...rest }));
    },
  };
}

async function factsOf(world: World, epoch: bigint): Promise<EpochFacts> {
  const account = await readEpoch(world, epoch);
  const state = account.state === EPOCH_STATE.finalised ? 'finalised' : 'reported';
  return { ...account, state } as unknown as EpochFacts;
}

async function watchOf(
  world: World,
  options: {
    readonly keypair: Keypair;
    readonly reports: Reports;
    readonly of: BuiltReport;
    readonly before?: bigint;
    /** Which reports it tallied itself or saw win; what the chain says unless told. */
    readonly trusts?: 'own' | 'none';
    readonly kill?: { at: number; readonly when: 'before' | 'after' };
  },
): Promise<ChallengeWatch & { readonly answers: () => number }> {
  const { keypair, reports, of, kill } = options;
  const client = ledgerClient(world, keypair, [], [nameOf(world, of, INDEX)]);
  const chain = evidenceChain({ client, identity: keypair.publicKey });
  const { trusts } = options;
  const seen = await Promise.all(reports.map(({ built }) => factsOf(world, built.epoch)));
  // A report that did not win: the chain names another one.
  const facts =
    trusts === undefined ? seen : seen.map((one, i) => (i < seen.length - 1 ? one : { ...one, reportHash: ZERO_HASH }));
  const [newest] = facts.toReversed() as [EpochFacts];
  const slot = await world.ledger.slot();
  let answers = 0;
  const watch = challengeWatch({
    domain: world.domain,
    chain: kill === undefined ? chain : dyingChain(chain, kill),
    bodies: bodiesOf(reports),
    // The epoch before is asked of the chain, as those outside of a validator's window are.
    epochs: () => [newest],
    past: { epoch: async (epoch) => facts.find((one) => one.epoch === epoch) },
    identityOf: () => undefined,
    ownReport: () => (trusts === 'own' ? nameOf(world, of, INDEX).reportHash : undefined),
    slot: () => slot,
    answerSlots: () => world.parameters.challengeAnswerSlots,
    turnOf: () => ({ before: options.before ?? 0n, of: 4n }),
    log,
    onAnswered: () => answers++,
  });
  return { ...watch, answers: () => answers };
}

test('P-49, V-35: a validator answers for a report that it holds, gets the bond, and nobody is silent', async () => {
  const { world, challenger, reports, of } = await challenged();
  const { ledger } = world;
  const [a] = world.validators as [Member];
  const answerer = await fundedFinder(world, 'answerer');
  // Whose turn comes later leaves the first word to others.
  const late = await watchOf(world, { keypair: answerer, reports, of, before: 3n });
  expect(late.isDue()).toBe(true);
  await late.run({ signal });
  expect([late.answers(), late.isDue()]).toEqual([0, false]);

  const before = await lamportsOf(world, answerer.publicKey);
  const { bond } = await readChallenge(world, of, INDEX);
  const watch = await watchOf(world, { keypair: answerer, reports, of });
  await watch.run({ signal });
  expect(watch.answers()).toBe(1);
  expect((await readChallenge(world, of, INDEX)).answered).toBe(1);
  // The buffer's rent is back, and fees are a small part of the bond.
  const gained = (await lamportsOf(world, answerer.publicKey)) - before;
  expect(gained > (bond * 9n) / 10n && gained < bond).toBe(true);
  // What is answered is not answered again.
  await watch.run({ signal });
  expect(watch.answers()).toBe(1);
  await ledger.untilSlot((await readChallenge(world, of, INDEX)).untilSlot);
  await refused(sendAccuseSilent(world, a, of, INDEX), 'ChallengeAnswered');
  await sendCloseChallenge(world, challenger, of, INDEX);
});

test('V-35: for a report that is neither its own nor won nothing is spent, so that no liar drains fees by asking', async () => {
  const { world, reports, of } = await challenged();
  const answerer = await fundedFinder(world, 'answerer');
  const held = await lamportsOf(world, answerer.publicKey);
  const watch = await watchOf(world, { keypair: answerer, reports, of, trusts: 'none' });
  await watch.run({ signal });
  expect(await lamportsOf(world, answerer.publicKey)).toBe(held);
  expect((await readChallenge(world, of, INDEX)).answered).toBe(0);
  // Its own it defends, though another one won.
  const own = await watchOf(world, { keypair: answerer, reports, of, trusts: 'own' });
  await own.run({ signal });
  expect((await readChallenge(world, of, INDEX)).answered).toBe(1);
});

test('V-35: without the report that the challenged one follows on nothing is written and nothing is paid', async () => {
  const { world, reports, of } = await challenged();
  const answerer = await fundedFinder(world, 'answerer');
  const [first, second] = reports as [Reports[number], Reports[number]];
  // What it is given for the prior report is another one, in which the worker had less.
  const [worker] = world.workers as [Member];
  const other = await keptReport(world, { epoch: 0n, rows: [{ member: worker, credits: 2 }] });
  const lying = [{ built: first.built, kept: other.kept }, second];
  const held = await lamportsOf(world, answerer.publicKey);
  const watch = await watchOf(world, { keypair: answerer, reports: lying, of });
  await watch.run({ signal });
  expect(await lamportsOf(world, answerer.publicKey)).toBe(held);
  expect([watch.answers(), (await readChallenge(world, of, INDEX)).answered]).toEqual([0, 0]);
  const client = ledgerClient(world, answerer, [], [nameOf(world, of, INDEX)]);
  expect(await client.challenges({ signal })).toHaveLength(1);
});

test.each(['before', 'after'] as const)(
  'V-35: killed %s any step it answers afterwards, once, and leaves no buffer behind',
  async (when) => {
    for (let at = 1; at <= 6; at++) {
      const { world, reports, of } = await challenged();
      const answerer = await fundedFinder(world, 'answerer');
      const held = await lamportsOf(world, answerer.publicKey);
      const dying = await watchOf(world, { keypair: answerer, reports, of, kill: { at, when } });
      const died = await dying.run({ signal }).then(
        () => false,
        (error: unknown) => {
          if (error instanceof Killed) return true;
          throw error;
        },
      );
      const again = await watchOf(world, { keypair: answerer, reports, of });
      await again.run({ signal });
      const { answered, challenger } = await readChallenge(world, of, INDEX);
      expect([at, answered, equalBytes(challenger, answerer.publicKey)]).toEqual([at, 1, false]);
      // The bond, and no rent that stays in a buffer.
      expect((await lamportsOf(world, answerer.publicKey)) > held).toBe(true);
      if (!died) return;
    }
    expect.fail('It never came to its end.');
  },
  60_000,
);
