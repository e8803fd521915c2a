import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAULT } from '@karmesh/sdk/program';
import {
  checkEntry,
  constantWeight,
  type Entry,
  encode,
  entryCodec,
  entryHashOf,
  falseAttestationKey,
  manifestBodyCodec,
  toHex,
} from '@karmesh/sdk/protocol';
import { logger, metrics, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EvidenceChain, evidenceChain } from '../../validator/src/chain/evidenceChain.ts';
import { readFindings } from '../../validator/src/dispute/findingStore.ts';
import { openDispute } from '../../validator/src/dispute/openDispute.ts';
import { type DutyState, nextDuties } from '../../validator/src/duties.ts';
import { closedSets } from '../../validator/src/epoch/closedSets.ts';
import { openStore } from '../../validator/src/store/openStore.ts';
import { validatorMetrics } from '../../validator/src/validatorMetrics.ts';
import { attestedToVerdicts, makeReport, sendAttest, toFinalised } from '../program/epochSteps.ts';
import { readCase } from '../program/evidenceSteps.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { ledgerClient } from '../program/ledgerClient.ts';
import { ledgerReader } from '../program/ledgerReader.ts';
import { attestSet, marketOf, readSetFault, signedEntry, signedSet, withSignature } from '../program/signedSet.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readConfig,
  readEpoch,
  readParticipant,
  SOL,
  startWorld,
} from '../program/world.ts';

// Validators attest a set with a receipt that no worker signed. One who did not attest it finds that out by its own duties, and sees them slashed.

const signal = AbortSignal.timeout(120_000);
const log = logger({ name: 'test', level: 'silent' })();
const OFFENCE_KEY = falseAttestationKey(0n);
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-badset-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

class Killed extends Error {}

/** Dies before every call that sends, and in the next life behind it. */
function mortal(chain: EvidenceChain): { readonly chain: EvidenceChain; readonly sent: readonly string[] } {
  const sent: string[] = [];
  let calls = 0;
  const dying =
    <A extends readonly unknown[], R>(name: string, send: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      calls += 1;
      if (calls % 2 === 1) throw new Killed();
      await send(...args);
      sent.push(name);
      throw new Killed();
    };
  return {
    sent,
    chain: {
      ...chain,
      commit: dying('commit', chain.commit),
      dropFinding: dying('dropFinding', chain.dropFinding),
      openBuffer: dying('openBuffer', chain.openBuffer),
      write: dying('write', chain.write),
      closeBuffer: dying('closeBuffer', chain.closeBuffer),
      showFault: dying('showFault', chain.showFault),
      accuse: dying('accuse', chain.accuse),
      execute: dying('execute', chain.execute),
    },
  };
}

async function startedWorld() {
  const world = await buildWorld(liteSvmLedger(), { stakes: [8n, 8n, 8n, 8n] });
  await startWorld(world);
  const market = await marketOf(world);
  const honest = await signedEntry(world, market, 0n, 1);
  const forged = withSignature(await signedEntry(world, market, 0n, 2), 'receipt', 1, new Uint8Array(64).fill(3));
  return { world, market, honest, forged };
}
type Started = Awaited<ReturnType<typeof startedWorld>>;

let folders = 0;
/** The part of an honest validator that disputes, in a folder of its own, which holds the honest entry and asks others for the rest. */
async function disputing(
  { world, market, honest }: Started,
  options: {
    readonly me: Member;
    readonly set: ReturnType<typeof signedSet>;
    /** What its peers have. */
    readonly served: readonly Entry[];
    readonly accused: readonly Member[];
    readonly isMortal?: boolean;
  },
) {
  const { me, set, served, accused } = options;
  const data = join(folder, `${folders++}`);
  await mkdir(data);
  const asked: string[] = [];
  const reader = await ledgerReader(world, me);
  const offences = accused.map(({ address }) => ({ offender: address, offenceKey: OFFENCE_KEY }));
  const real = evidenceChain({ client: ledgerClient(world, me.identity, offences), identity: me.identity.publicKey });
  const { chain, sent } = options.isMortal === true ? mortal(real) : { chain: real, sent: [] };
  const opened = async () => {
    const store = await openStore({ folder: data });
    const judged = checkEntry(market.context, honest);
    if (judged.verdict !== 'accept') throw new RangeError('The honest entry holds.');
    const slotHash = market.slotHash(honest.dispatch.value.slot);
    await store.addEntry({ entryHash: entryHashOf(honest), slotHash, checked: judged.entry });
    const bodies = {
      find: async ({ parse }: { parse: (bytes: Uint8Array) => unknown }) => parse(encode(manifestBodyCodec, set.body)),
    };
    const sets = closedSets({
      store,
      bodies: bodies as Parameters<typeof closedSets>[0]['bodies'],
      peers: {
        async fetchBytes({ hash }) {
          asked.push(toHex(hash));
          const found = served.find((entry) => toHex(entryHashOf(entry)) === toHex(hash));
          return found === undefined ? undefined : encode(entryCodec, found);
        },
        async *bodiesOf() {},
      },
      context: () => market.context,
      past: reader.past,
      identityOf: () => undefined,
    });
    const dispute = openDispute(
      { folder: data, limitLamports: 100_000_000n },
      {
        domain: world.domain,
        me: me.address,
        identity: me.identity.publicKey,
        chain: reader,
        evidence: chain,
        verify: nativeVerifySignature,
        store,
        sets,
        bodies: { find: async () => undefined },
        identityOf: () => undefined,
        ownReport: () => undefined,
        log,
        metrics: validatorMetrics(metrics({ processMetrics: false })),
      },
    );
    return { store, dispute };
  };
  let { store, dispute } = await opened();
  let died = 0;
  async function close(): Promise<void> {
    dispute[Symbol.dispose]();
    await store[Symbol.asyncDispose]();
  }

  /** What is due now of what this part of a validator does. */
  function due() {
    const state: DutyState = {
      slot: reader.slot(),
      config: reader.config(),
      me: { roleOrdinal: 3, weights: constantWeight(1n) },
      validatorsActiveFrom: world.validators.map(() => 0n),
      epochs: reader.epochs(),
      vote: reader.vote,
      hasEntries: () => false,
      ledgerEpoch: reader.config().lastFinalisedEpoch,
      mayAttest: () => false,
      isBound: () => false,
      hasRootVote: () => false,
      hasClaims: false,
      mustSearch: () => false,
      mustCheckSet: dispute.mustCheckSet,
      mustCompare: () => false,
      hasFindings: dispute.hasFindings(),
      hasCases: dispute.hasCases(),
      mustAnswer: false,
    };
    return nextDuties(state).filter(({ kind }) => ['checkSet', 'showEvidence', 'executeCases'].includes(kind));
  }

  /** Looks at the chain and does what is due; what dies is opened anew. */
  async function look(): Promise<readonly string[]> {
    await reader.refresh({ signal });
    const kinds: string[] = [];
    for (const duty of due()) {
      const account = reader.epochs().find(({ epoch }) => epoch === duty.epoch);
      kinds.push(duty.kind);
      try {
        if (duty.kind === 'checkSet' && account !== undefined) await dispute.run.checkSet(account, { signal });
        if (duty.kind === 'showEvidence') await dispute.run.showEvidence({ signal });
        if (duty.kind === 'executeCases') await dispute.run.executeCases({ signal });
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
        died += 1;
        await close();
        ({ store, dispute } = await opened());
        break;
      }
    }
    return kinds;
  }

  return {
    look,
    asked,
    sent,
    died: () => died,
    findings: () => readFindings(join(data, 'evidence.db')),
    /** Looks every four slots until it is so. */
    async until(isSo: () => Promise<boolean> | boolean): Promise<void> {
      for (let looks = 0; looks < 200; looks++) {
        await look();
        if (await isSo()) return;
        await world.ledger.untilSlot((await world.ledger.slot()) + 4n);
      }
      expect.fail('It did not come to that.');
    },
    [Symbol.asyncDispose]: close,
  };
}

async function finaliseALaterEpoch({ world }: Started): Promise<void> {
  const { epochZeroSlot } = await readConfig(world);
  const epoch = ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  await toFinalised(world, await makeReport(world, { epoch, earned: new Map() }));
}

test('P-48, V-36: who did not attest finds the forged receipt, and all attesters are slashed, though it dies before and after every step', async () => {
  const started = await startedWorld();
  const { world, market, honest, forged } = started;
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const set = signedSet(world, market, { epoch: 0n, entries: [honest, forged] });
  await attestSet(world, set, [a, b, c]);
  await attestedToVerdicts(world, 0n, [a, b, c]);
  const accused = [a, b, c];
  await using finder = await disputing(started, { me: d, set, served: [forged], accused, isMortal: true });
  const caseOf = ({ address }: Member) => world.ledger.account(world.addresses.offenceCase(address, OFFENCE_KEY));
  await finder.until(async () => (await Promise.all(accused.map(caseOf))).every((filed) => filed !== undefined));
  expect(await readSetFault(world, set)).toMatchObject({ finder: d.identity.publicKey, kind: FAULT.signature });
  expect(await readEpoch(world, 0n)).toMatchObject({ faults: 1 });
  // Only the entry that it did not hold was asked for, once in each life in which the set was gone through.
  expect(new Set(finder.asked)).toEqual(new Set([toHex(entryHashOf(forged))]));
  // The epoch is passed over by another one, and nothing more can come to it.
  await finaliseALaterEpoch(started);
  const before = await lamportsOf(world, d.identity.publicKey);
  await finder.until(async () => {
    const cases = await Promise.all(accused.map(({ address }) => readCase(world, address, OFFENCE_KEY)));
    return cases.every(({ executed }) => executed === 1);
  });
  for (const { address } of accused) {
    // A fifth of 8 SOL, but for rounding.
    expect((await readCase(world, address, OFFENCE_KEY)).slashedLamports).toBeGreaterThan((SOL / 10n) * 16n - 10n);
    expect(await readParticipant(world, address)).toMatchObject({ openCases: 0 });
  }
  expect((await lamportsOf(world, d.identity.publicKey)) - before).toBeGreaterThan((SOL / 10n) * 4n);
  expect(await readParticipant(world, d.address)).toMatchObject({ openCases: 0 });
  expect(finder.findings()).toMatchObject([{ type: 'badSet', state: 'settled', isOurs: true }]);
  // Every step was sent once, and it died twice at each.
  const writes = finder.sent.filter((name) => name === 'write');
  expect(finder.sent).toEqual([
    'commit',
    'openBuffer',
    ...writes,
    'showFault',
    'closeBuffer',
    ...['accuse', 'accuse', 'accuse'],
    ...['execute', 'execute', 'execute'],
  ]);
  expect(writes.length).toBeGreaterThan(2);
  expect(finder.died()).toBe(2 * finder.sent.length);
}, 60_000);

test('P-48, V-36: who attests a bad set alone, so that the epoch cannot be closed anew, is slashed as well', async () => {
  const started = await startedWorld();
  const { world, market, honest, forged } = started;
  const [a, , , d] = world.validators as [Member, Member, Member, Member];
  const set = signedSet(world, market, { epoch: 0n, entries: [honest, forged] });
  await attestSet(world, set, []);
  await using finder = await disputing(started, { me: d, set, served: [forged], accused: [a] });
  // A set that nobody attested is replaced, and no evidence is taken against it.
  expect(await finder.look()).toEqual([]);
  await sendAttest(world, a, 0n, { manifestHash: set.manifestHash });
  await finder.until(() => finder.findings().some(({ state }) => state === 'shown'));
  await finaliseALaterEpoch(started);
  await finder.until(() => finder.findings().every(({ state }) => state === 'settled'));
  expect(await readCase(world, a.address, OFFENCE_KEY)).toMatchObject({ finder: d.identity.publicKey });
});

test('V-36: of a true set nothing is said, though nobody of those who attested it is trusted; what is not to be had is waited for', async () => {
  const started = await startedWorld();
  const { world, market, honest } = started;
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const other = await signedEntry(world, market, 0n, 3);
  const set = signedSet(world, market, { epoch: 0n, entries: [honest, other] });
  await attestSet(world, set, [a, b, c]);
  const served: Entry[] = [];
  await using finder = await disputing(started, { me: d, set, served, accused: [] });
  expect(await finder.look()).toEqual(['checkSet']);
  // It is not asked for again in the same slot.
  expect(await finder.look()).toEqual([]);
  served.push(other);
  await world.ledger.untilSlot((await world.ledger.slot()) + 8n);
  expect(await finder.look()).toEqual(['checkSet']);
  expect(finder.asked).toEqual([toHex(entryHashOf(other)), toHex(entryHashOf(other))]);
  await world.ledger.untilSlot((await firstSlot(world, 1n)) + 40n);
  expect(await finder.look()).toEqual([]);
  expect(finder.findings()).toEqual([]);
});

test('V-11, V-36: who attested a set has judged all of it, and does not look again', async () => {
  const started = await startedWorld();
  const { world, market, honest } = started;
  const set = signedSet(world, market, { epoch: 0n, entries: [honest] });
  await attestSet(world, set, world.validators);
  const [, , , d] = world.validators as [Member, Member, Member, Member];
  await using finder = await disputing(started, { me: d, set, served: [], accused: [] });
  expect(await finder.look()).toEqual([]);
});
