import { randomBytes } from 'node:crypto';
import {
  type Domain,
  epochOfSlot,
  equalBytes,
  firstSlotOfEpoch,
  type Hash,
  type Identity,
  identityInEpoch,
  type Participant,
  parametersIn,
  toHex,
  type VerifySignature,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { ChainReader, EpochFacts, Role } from '../chain/chainReader.ts';
import type { EvidenceChain } from '../chain/evidenceChain.ts';
import { isProvable } from '../duties.ts';
import type { ClosedSets } from '../epoch/closedSets.ts';
import type { DutyResult } from '../epoch/dutyParts.ts';
import type { EpochBodies } from '../epoch/epochBodies.ts';
import type { ForkedHeader } from '../ingest/batchHeader.ts';
import type { ForkedVerdict } from '../ingest/gossipedVerdict.ts';
import type { Store } from '../store/openStore.ts';
import type { ValidatorMetrics } from '../validatorMetrics.ts';
import { challengeWatch } from './answerChallenges.ts';
import { signatureSearch } from './badSignature.ts';
import { bringEvidence } from './bringEvidence.ts';
import { compareReports, type HiddenReport } from './compareReports.ts';
import { evidenceBudget } from './evidenceBudget.ts';
import { caseWatch } from './executeCases.ts';
import { aboutOf, type Found, foundTwice, type SignedPair } from './finding.ts';
import { findingsPath, openFindingStore } from './findingStore.ts';
import { type HiddenReportChoice, hiddenReports } from './hiddenReports.ts';
import { pairsSignedTwice } from './signedTwice.ts';

type Signalled = { readonly signal: AbortSignal };

export interface DisputeOptions {
  readonly folder: string;
  /** What bringing evidence may cost in one epoch, in lamports. */
  readonly limitLamports: bigint;
  /** V-37. */
  readonly askForHidden: HiddenReportChoice;
}

export interface DisputeParts {
  readonly domain: Domain;
  readonly me: Participant;
  readonly identity: Identity;
  readonly chain: ChainReader;
  readonly evidence: EvidenceChain;
  readonly verify: VerifySignature;
  readonly store: Pick<Store, 'book' | 'entry' | 'hasEntry'>;
  readonly sets: Pick<ClosedSets, 'manifest' | 'supplement'>;
  readonly bodies: EpochBodies;
  readonly identityOf: (participant: Uint8Array) => Identity | undefined;
  readonly ownReport: (account: EpochFacts) => Hash | undefined;
  readonly log: Logger;
  readonly metrics: ValidatorMetrics;
  readonly onStage?: ((stage: string, about: { readonly epoch: bigint }) => void) | undefined;
}

/** Finds what breaks a rule that the chain can check, brings it there, and sees its cases executed. */
export interface Dispute extends Disposable {
  heardFork(forked: ForkedHeader): void;
  heardVerdicts(forked: ForkedVerdict): void;
  mustSearch(epoch: bigint): boolean;
  mustCheckSet(account: EpochFacts): boolean;
  mustCompare(account: EpochFacts): boolean;
  hasFindings(): boolean;
  hasCases(): boolean;
  mustAnswer(): boolean;
  readonly run: {
    searchSet(epoch: bigint, options: Signalled): Promise<DutyResult>;
    checkSet(account: EpochFacts, options: Signalled): Promise<DutyResult>;
    compareReports(account: EpochFacts, options: Signalled): Promise<DutyResult>;
    showEvidence(options: Signalled): Promise<DutyResult>;
    executeCases(options: Signalled): Promise<DutyResult>;
    answerChallenges(options: Signalled): Promise<DutyResult>;
  };
}

/** How many slots each validator in turn leaves the one before it, where anyone may act. */
const TURN_SLOTS = 8n;
/** Slots between two looks at the votes of an epoch, of which late ones come until it is final, or at a set of which something is not to be had. */
const LEAST_LOOK_SLOTS = 8n;

/** Throws `STORE_FAILED`, `DISK_FULL`; the store's lock is held by the caller. */
export function openDispute(
  { folder, limitLamports, askForHidden: choice }: DisputeOptions,
  parts: DisputeParts,
): Dispute {
  const { domain, me, identity, chain, log, metrics } = parts;
  const findings = openFindingStore(findingsPath(folder));
  let open = findings.open().length;
  const epochAt = (slot: bigint): bigint => {
    const { epochZeroSlot = 0n, parameters } = chain.config();
    return slot < epochZeroSlot ? 0n : (slot - epochZeroSlot) / parameters.slotsPerEpoch;
  };
  const firstSlotOf = (epoch: bigint): bigint => {
    const { epochZeroSlot, parameters } = chain.config();
    return firstSlotOfEpoch({ epochZeroSlot, slotsPerEpoch: parameters.slotsPerEpoch }, epoch);
  };
  function turnOf(epoch: bigint): { readonly before: bigint; readonly of: bigint } {
    const validators = chain.participants().filter(({ role }) => role === 'validator');
    const ordinal = validators.find(({ address }) => equalBytes(address, me))?.roleOrdinal ?? 0;
    const of = BigInt(Math.max(1, validators.length));
    return { before: (((BigInt(ordinal) - epoch) % of) + of) % of, of };
  }
  const turnSlots = (epoch: bigint): bigint => turnOf(epoch).before * TURN_SLOTS;
  const budget = evidenceBudget({
    limitLamports,
    store: findings,
    epoch: () => epochAt(chain.slot()),
    log,
    observe: (lamports) => metrics.evidenceCost.set(Number(lamports)),
  });
  const cases = caseWatch({
    chain: parts.evidence,
    budget,
    slot: chain.slot,
    firstSlotOf,
    epochAt,
    slashDelayEpochs: () => chain.config().parameters.slashDelayEpochs,
    turnSlots,
    log,
    onExecuted: () => metrics.casesExecuted.inc(),
  });
  const challenges = challengeWatch({
    domain,
    chain: parts.evidence,
    bodies: parts.bodies,
    epochs: chain.epochs,
    past: chain.past,
    identityOf: parts.identityOf,
    ownReport: parts.ownReport,
    slot: chain.slot,
    answerSlots: () => chain.config().parameters.challengeAnswerSlots,
    turnOf,
    log,
    onAnswered: () => metrics.challengesAnswered.inc(),
  });
  const accountOf = (epoch: bigint) => chain.epochs().find((one) => one.epoch === epoch);
  const isDecided = (epoch: bigint): boolean =>
    accountOf(epoch) === undefined || (chain.config().lastFinalisedEpoch ?? -1n) >= epoch;
  const searchSignatures = signatureSearch({
    domain,
    verify: parts.verify,
    sets: parts.sets,
    store: parts.store,
    epochOf: (slot) => {
      const { epochZeroSlot, parameters } = chain.config();
      return epochOfSlot({ epochZeroSlot, slotsPerEpoch: parameters.slotsPerEpoch }, slot);
    },
  });
  const seen = new Set<string>();
  const filed = new Set<string>();
  const asked = new Map<string, number>();
  const askForHidden = hiddenReports({
    domain,
    choice,
    chain: parts.evidence,
    epochs: chain.epochs,
    validators: () => chain.participants().filter(({ role }) => role === 'validator').length,
    asked: (key) => asked.get(key) ?? 0,
    found: (of) => keep({ type: 'hiddenReport', of }),
    log,
  });
  const looks = { set: lookPace(chain), reports: lookPace(chain) };

  function keep(found: Found): void {
    // A process with our identity is what the doppelganger guard stops for, not what we bring to the chain.
    if (found.type === 'doubleSign' && equalBytes(found.of.offender, me)) return;
    const salt = new Uint8Array(randomBytes(32));
    if (!findings.add(found, { salt, slot: chain.slot() })) return;
    count();
    const { what, epoch } = found.of;
    metrics.evidence.inc({ kind: what, outcome: 'found' });
    log.warn(
      { what, epoch: epoch.toString(), about: toHex(aboutOf(found)) },
      found.type === 'hiddenReport'
        ? 'Nobody shows a report that differs from this validator’s own; it is asked for on chain.'
        : 'Evidence of an offence was found; it is brought to the chain.',
    );
  }

  function count(): void {
    open = findings.open().length;
    metrics.evidenceOpen.set(open);
  }

  const signerOf = (role: Role) => (participant: Uint8Array, epoch: bigint) => {
    const account = chain.participants().find((one) => one.role === role && equalBytes(one.address, participant));
    return account === undefined ? undefined : identityInEpoch(account, epoch);
  };
  const keepPair = (pair: SignedPair): void => keep(foundTwice(domain, pair));

  return {
    heardFork({ first, second, identity: signer }) {
      keepPair({
        twice: { name: 'batch', first: first.value, second: second.value },
        signatures: [first.signature, second.signature],
        identity: signer,
        epoch: second.value.epoch,
      });
    },
    heardVerdicts({ first, second, identity: signer }) {
      keepPair({
        twice: { name: 'verdict', first: first.value, second: second.value },
        signatures: [first.signature, second.signature],
        identity: signer,
        epoch: second.value.epoch,
      });
    },
    mustSearch: (epoch) => !findings.hasLooked('entries', epoch),
    // Who attested a set has judged every entry of it by the set's own keys (V-11, V-13).
    mustCheckSet: ({ epoch }) =>
      chain.vote(epoch)?.attested !== true && !findings.hasLooked('signatures', epoch) && looks.set.isDue(epoch),
    mustCompare: ({ epoch }) => !findings.hasLooked('reports', epoch) && looks.reports.isDue(epoch),
    hasFindings: () => open > 0,
    hasCases: () => cases.isDue(chain.participants().reduce((sum, { openCases }) => sum + openCases, 0)),
    mustAnswer: challenges.isDue,
    run: {
      async searchSet(epoch, { signal }) {
        function* entries() {
          for (const of of epoch === 0n ? [0n] : [epoch - 1n, epoch])
            for (const { checked } of parts.store.book(of)?.entries() ?? []) yield checked;
        }
        const pairs = await pairsSignedTwice(
          { domain, gatewayIdentity: signerOf('gateway'), workerIdentity: signerOf('worker') },
          { epoch, entries },
          { signal },
        );
        for (const pair of pairs) keepPair(pair);
        findings.note('entries', epoch);
        return 'done';
      },
      async checkSet(account, { signal }) {
        looks.set.note(account.epoch);
        const found = await searchSignatures(account, { signal });
        if (found === 'missing') return 'waiting';
        if (found !== undefined) keep({ type: 'badSet', of: found });
        findings.note('signatures', account.epoch);
        return 'done';
      },
      async compareReports(account, { signal }) {
        looks.reports.note(account.epoch);
        const { bodies, identityOf, ownReport } = parts;
        const hidden: HiddenReport[] = [];
        const result = await compareReports(
          {
            domain,
            chain: parts.evidence,
            bodies,
            store: findings,
            epochs: chain.epochs,
            isDecided,
            identityOf,
            ownReport,
            found: keep,
            hidden: (one) => hidden.push(one),
            seen,
            asked,
            log,
          },
          account,
          { signal },
        );
        for (const one of hidden) await askForHidden(one, { signal });
        return result;
      },
      async showEvidence({ signal }) {
        try {
          return await bringEvidence(
            {
              domain,
              identity,
              chain: parts.evidence,
              store: findings,
              budget,
              slot: chain.slot,
              isProvable: (epoch) => {
                const account = accountOf(epoch);
                return account === undefined || isProvable(account, chain.config().lastFinalisedEpoch);
              },
              isDecided,
              turnSlots: (epoch) => TURN_SLOTS + turnSlots(epoch),
              bondOf: (epoch) =>
                chain.config().parameters.challengeBondLamports * BigInt(1 + (accountOf(epoch)?.openChallenges ?? 0)),
              filed,
              log,
              observe: ({ kind, outcome }) => metrics.evidence.inc({ kind, outcome }),
              onStage: parts.onStage,
            },
            { signal },
          );
        } finally {
          count();
        }
      },
      executeCases: (options) => cases.run(options),
      answerChallenges: (options) => challenges.run(options),
    },
    [Symbol.dispose]: () => findings[Symbol.dispose](),
  };
}

/** When an epoch is looked at again. */
function lookPace(chain: ChainReader): { isDue(epoch: bigint): boolean; note(epoch: bigint): void } {
  const next = new Map<bigint, bigint>();
  return {
    isDue: (epoch) => chain.slot() >= (next.get(epoch) ?? 0n),
    note(epoch) {
      const wait = parametersIn(chain.config(), epoch).challengeSlots / 4n;
      next.set(epoch, chain.slot() + (wait > LEAST_LOOK_SLOTS ? wait : LEAST_LOOK_SLOTS));
      for (const old of next.keys()) if (old + 64n < epoch) next.delete(old);
    },
  };
}
