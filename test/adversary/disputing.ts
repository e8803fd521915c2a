import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  constantWeight,
  type Entry,
  encode,
  entryCodec,
  entryHashOf,
  equalBytes,
  type Hash,
  type ManifestBody,
  manifestBodyCodec,
  type Report,
  toHex,
} from '@karmesh/sdk/protocol';
import { logger, metrics, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { expect } from 'vitest';
import { type EvidenceChain, evidenceChain } from '../../validator/src/chain/evidenceChain.ts';
import { type Finding, readFindings } from '../../validator/src/dispute/findingStore.ts';
import type { HiddenReportChoice } from '../../validator/src/dispute/hiddenReports.ts';
import { openDispute } from '../../validator/src/dispute/openDispute.ts';
import { type Duty, type DutyState, nextDuties } from '../../validator/src/duties.ts';
import { closedSets } from '../../validator/src/epoch/closedSets.ts';
import type { EpochBodies } from '../../validator/src/epoch/epochBodies.ts';
import type { FixtureMarket } from '../../validator/src/fixtures/market.ts';
import type { StoredEntry } from '../../validator/src/store/epochRecords.ts';
import { openStore } from '../../validator/src/store/openStore.ts';
import { validatorMetrics } from '../../validator/src/validatorMetrics.ts';
import { ledgerClient } from '../program/ledgerClient.ts';
import { ledgerReader } from '../program/ledgerReader.ts';
import type { Member, World } from '../program/world.ts';

const signal = AbortSignal.timeout(120_000);
const log = logger({ name: 'test', level: 'silent' })();
const KINDS: readonly string[] = ['checkSet', 'compareReports', 'showEvidence', 'executeCases'];

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
      ask: dying('ask', chain.ask),
      accuseSilent: dying('accuseSilent', chain.accuseSilent),
      endChallenge: dying('endChallenge', chain.endChallenge),
      execute: dying('execute', chain.execute),
    },
  };
}

export interface DisputingOptions {
  readonly world: World;
  readonly market: FixtureMarket;
  readonly me: Member;
  /** The set of epoch 0. */
  readonly manifest?: ManifestBody;
  /** Entries that it took. */
  readonly held?: readonly StoredEntry[];
  /** Entries that its peers have. */
  readonly served?: readonly Entry[];
  /** The hash of the report that it tallied. */
  readonly ownReport?: Hash;
  /** Reports that votes revealed, as the cluster's history shows them. */
  readonly revealed?: readonly Report[];
  /** Cases to look for. */
  readonly offences?: readonly { readonly offender: Uint8Array; readonly offenceKey: Hash }[];
  /** What bringing may cost in an epoch; 100,000,000 lamports unless told. */
  readonly limitLamports?: bigint;
  /** Reports that it asks for if nobody shows them; all unless told. */
  readonly askForHidden?: HiddenReportChoice;
  /** Dies before and after each step, and goes on in the same folder. */
  readonly isMortal?: boolean;
}

export interface Disputing extends AsyncDisposable {
  /** Looks at the chain and does what is due; the kinds of that. */
  look(): Promise<readonly string[]>;
  /** Looks every four slots until it is so. */
  until(isSo: () => Promise<boolean> | boolean): Promise<void>;
  findings(): readonly Finding[];
  /** The entries that it asked others for, by hex hash. */
  readonly asked: readonly string[];
  /** What a mortal one sent, and how often it died. */
  readonly sent: readonly string[];
  died(): number;
}

/** The part of an honest validator that disputes, in a folder of its own. */
export async function disputing(options: DisputingOptions): Promise<Disputing> {
  const { world, market, me, manifest, held = [], served = [], ownReport, revealed = [], offences = [] } = options;
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-disputing-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const asked: string[] = [];
  const reader = await ledgerReader(world, me);
  const client = ledgerClient(world, me.identity, offences, [], revealed);
  const real = evidenceChain({ client, identity: me.identity.publicKey });
  const { chain, sent } = options.isMortal === true ? mortal(real) : { chain: real, sent: [] };
  const bodies: EpochBodies = {
    find: async ({ kind, parse }) =>
      kind === 'manifest' && manifest !== undefined ? parse(encode(manifestBodyCodec, manifest)) : undefined,
  };

  async function opened() {
    const store = await openStore({ folder });
    await store.addEntries(held);
    const sets = closedSets({
      store,
      bodies,
      peers: {
        async fetchBytes({ hash }) {
          asked.push(toHex(hash));
          const found = served.find((entry) => equalBytes(entryHashOf(entry), hash));
          return found === undefined ? undefined : encode(entryCodec, found);
        },
        async *bodiesOf() {},
      },
      context: () => market.context,
      past: reader.past,
      identityOf: () => undefined,
    });
    const dispute = openDispute(
      { folder, limitLamports: options.limitLamports ?? 100_000_000n, askForHidden: options.askForHidden ?? 'all' },
      {
        domain: world.domain,
        me: me.address,
        identity: me.identity.publicKey,
        chain: reader,
        evidence: chain,
        verify: nativeVerifySignature,
        store,
        sets,
        bodies,
        identityOf: () => undefined,
        ownReport: () => ownReport,
        log,
        metrics: validatorMetrics(metrics({ processMetrics: false })),
      },
    );
    return { store, dispute };
  }
  let { store, dispute } = await opened();
  let died = 0;
  async function close(): Promise<void> {
    dispute[Symbol.dispose]();
    await store[Symbol.asyncDispose]();
  }
  stack.defer(close);

  function due(): readonly Duty[] {
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
      endedVotes: [],
      mustSearch: () => false,
      mustCheckSet: dispute.mustCheckSet,
      mustCompare: (account) => ownReport !== undefined && dispute.mustCompare(account),
      hasFindings: dispute.hasFindings(),
      hasCases: dispute.hasCases(),
      mustAnswer: false,
    };
    return nextDuties(state).filter(({ kind }) => KINDS.includes(kind));
  }

  async function run({ kind, epoch }: Duty): Promise<void> {
    const account = reader.epochs().find((one) => one.epoch === epoch);
    if (kind === 'checkSet' && account !== undefined) await dispute.run.checkSet(account, { signal });
    if (kind === 'compareReports' && account !== undefined) await dispute.run.compareReports(account, { signal });
    if (kind === 'showEvidence') await dispute.run.showEvidence({ signal });
    if (kind === 'executeCases') await dispute.run.executeCases({ signal });
  }

  async function look(): Promise<readonly string[]> {
    await reader.refresh({ signal });
    const kinds: string[] = [];
    for (const duty of due()) {
      kinds.push(duty.kind);
      try {
        await run(duty);
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

  const owned = stack.move();
  return {
    look,
    asked,
    sent,
    died: () => died,
    findings: () => readFindings(join(folder, 'evidence.db')),
    async until(isSo) {
      for (let looks = 0; looks < 200; looks++) {
        await look();
        if (await isSo()) return;
        await world.ledger.untilSlot((await world.ledger.slot()) + 4n);
      }
      expect.fail('It did not come to that.');
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
