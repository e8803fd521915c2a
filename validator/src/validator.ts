import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type Host, topics } from '@karmesh/sdk/network';
import {
  checkRecord,
  type Domain,
  type EntryContext,
  encode,
  epochOfSlot,
  equalBytes,
  type Hash,
  identityInEpoch,
  manifestAnnouncementCodec,
  type OffchainParameters,
  offchainParametersHash,
  type Participant,
  reportAnnouncementCodec,
  type Signed,
  signedCodec,
  toHex,
  tryDecode,
  type Verdict,
  type VerifySignature,
  verdictRecord,
} from '@karmesh/sdk/protocol';
import type { Keypair, Logger } from '@karmesh/sdk/runtime';
import { auditor } from './audit/auditor.ts';
import { auditThresholds, type Replayer } from './audit/judgeAnswer.ts';
import type { ChainReader } from './chain/chainReader.ts';
import type { ChainWriter } from './chain/chainWriter.ts';
import type { EvidenceChain } from './chain/evidenceChain.ts';
import type { ChallengeJudge } from './challenge/challengeJudge.ts';
import type { KeyRegistry } from './challenge/keyRegistry.ts';
import type { ProofRecorder } from './challenge/proofRecorder.ts';
import { gatewayKeys } from './cosigner/gatewayKeys.ts';
import { openCosigner } from './cosigner/openCosigner.ts';
import type { HiddenReportChoice } from './dispute/hiddenReports.ts';
import { type Dispute, openDispute } from './dispute/openDispute.ts';
import { type Duty, nextDuties } from './duties.ts';
import { dutyLoop } from './dutyLoop.ts';
import { attestManifest } from './epoch/attestManifest.ts';
import { claimDue, dueClaims } from './epoch/claims.ts';
import { closedSets } from './epoch/closedSets.ts';
import { closeEpoch } from './epoch/closeEpoch.ts';
import { type DutyParts, type DutyResult, identityOf, parametersOf, type RunDuty } from './epoch/dutyParts.ts';
import { epochBodies } from './epoch/epochBodies.ts';
import { type EscrowRow, escrowRow } from './epoch/escrowRow.ts';
import { finaliseEpoch } from './epoch/finaliseEpoch.ts';
import { keepCarried } from './epoch/keepCarried.ts';
import { EMPTY_LEDGER, type Ledger, loadLedger } from './epoch/ledger.ts';
import { ownVotes } from './epoch/ownVotes.ts';
import { postVerdicts } from './epoch/postVerdicts.ts';
import { revealReport } from './epoch/revealReport.ts';
import { runAudits } from './epoch/runAudits.ts';
import { sealRoot } from './epoch/sealRoot.ts';
import { settleEscrows } from './epoch/settleEscrows.ts';
import { shownBodies } from './epoch/shownBodies.ts';
import { snapshotGroups } from './epoch/snapshot.ts';
import { batchCatchUp } from './ingest/batchCatchUp.ts';
import { judgeGossipedVerdict } from './ingest/gossipedVerdict.ts';
import { type Ingest, ingest } from './ingest/ingest.ts';
import { serveBodies } from './peers/serveBodies.ts';
import { validatorPeers } from './peers/validatorPeers.ts';
import { doppelganger, type SeenVotes, type SigningState } from './slashingProtection/doppelganger.ts';
import { doppelgangerMark } from './slashingProtection/doppelgangerMark.ts';
import { openProtection } from './slashingProtection/openProtection.ts';
import { protectionPath } from './slashingProtection/protectionLog.ts';
import { countVote, readDutyCounts, writeDutyCounts } from './store/dutyJournal.ts';
import { openStore } from './store/openStore.ts';
import type { ValidatorMetrics } from './validatorMetrics.ts';

export interface ValidatorOptions {
  /** The data folder. */
  readonly folder: string;
  /** Milliseconds between two looks at the chain. */
  readonly pollMs: number;
  /** V-26: epochs to watch for before the first signature, where this folder did not sign last; 2 unless told. */
  readonly watchEpochs?: number;
  /** V-33: what bringing evidence may cost in one epoch, in lamports; 50,000,000 unless told. */
  readonly evidenceLamports?: bigint;
  /** V-37; `winning` unless told. */
  readonly askForHidden?: HiddenReportChoice;
}

export interface ValidatorParts {
  readonly domain: Domain;
  /** What the domain is made of; the protection log names it. */
  readonly cluster: { readonly genesis: Hash; readonly programId: Uint8Array };
  readonly me: Participant;
  readonly keypair: Pick<Keypair, 'publicKey' | 'sign'>;
  readonly offchain: OffchainParameters;
  readonly chain: ChainReader;
  readonly writer: ChainWriter;
  readonly evidence: EvidenceChain;
  readonly host: Host;
  readonly replayer: Replayer;
  /** For models whose answers have to be proven. */
  readonly challenges?: Challenges | undefined;
  readonly verify: VerifySignature;
  readonly nowMs: () => number;
  readonly sleep: (ms: number, options: { readonly signal: AbortSignal }) => Promise<void>;
  readonly log: Logger;
  readonly metrics: ValidatorMetrics;
  /** Resolves once another process announces itself with this identity (N-10). */
  readonly twin?: Promise<void>;
  /** Called with each stage of a duty (`dutyLoop`), and with `attestation:bound` and `root:bound` once what may not be signed twice is on disk. */
  readonly onStage?: (stage: string, about?: { readonly epoch: bigint }) => void;
}

export interface Validator extends AsyncDisposable {
  /** The epoch whose report this validator holds; undefined before the first. */
  ledgerEpoch(): bigint | undefined;
  /** Entries held of an epoch. */
  entries(epoch: bigint): number;
  /** V-26: resolves with why, once another process was seen to act with this identity. Nothing is signed from then on. */
  readonly stopped: Promise<KarmeshError>;
  /** Whether it signs, or why not yet. */
  signing(): SigningState;
}

/** What a validator needs to judge proofs. */
export interface Challenges {
  readonly judge: ChallengeJudge;
  readonly registry: KeyRegistry;
  readonly recorder: ProofRecorder;
}

/** What a run of a duty may take: a chain and peers that answer slowly, and half a millisecond for each entry that it goes through. */
const DUTY_TIMEOUT_MS = 30_000;
const DUTY_TIMEOUT_MS_PER_ENTRY = 0.5;

/** Often enough for a fork to be seen while the checkpoints of that time are still kept. */
const COMPARE_LOGS_MS = 10_000;

/** Two dozen cases. */
const EVIDENCE_LAMPORTS = 50_000_000n;

const signedVerdictCodec = signedCodec(verdictRecord);

/**
 * A validator at work: takes in batches, keeps every epoch's knowledge, and does its duties until it is disposed.
 *
 * @throws KarmeshError `CONFIG_INVALID` if the chain was set up with other parameters, `SLASHING_PROTECTION` if the folder's log is of another validator or cluster,
 * `STORE_LOCKED`, `STORE_FAILED`.
 */
export const validator =
  (options: ValidatorOptions) =>
  async (parts: ValidatorParts): Promise<Validator> => {
    const { domain, me, chain, host, offchain, log, metrics } = parts;
    // V-02
    if (!equalBytes(offchainParametersHash(offchain), chain.config().offchainParametersHash)) {
      throw new KarmeshError(
        'CONFIG_INVALID',
        'The cluster was set up with other parameters than this validator has.',
        {
          expected: toHex(chain.config().offchainParametersHash),
          found: toHex(offchainParametersHash(offchain)),
        },
      );
    }
    await using stack = new AsyncDisposableStack();
    const store = stack.use(await openStore({ folder: options.folder }));
    const owner = { ...parts.cluster, participant: me, identity: parts.keypair.publicKey };
    const protection = stack.use(await openProtection({ path: protectionPath(options.folder), owner, log }));
    const { watchEpochs } = options;
    const mark = doppelgangerMark(options.folder);
    const mustWatch = await mark.isSet();
    const guard = doppelganger({ ...(watchEpochs === undefined ? {} : { watchEpochs }), mustWatch })({
      domain,
      me,
      protection,
      log,
    });
    let isMarked = mustWatch;
    const journalPath = join(options.folder, 'duties.json');
    let counts = await readDutyCounts(journalPath);
    if (store.cutBytes > 0) log.warn({ bytes: store.cutBytes }, 'Torn ends of logs were cut.');

    const currentEpoch = (): bigint | undefined => {
      const { epochZeroSlot, parameters } = chain.config();
      return epochOfSlot({ epochZeroSlot, slotsPerEpoch: parameters.slotsPerEpoch }, chain.slot());
    };
    const context = (): EntryContext => entryContext({ ...parts, store });
    const peers = validatorPeers()({ host, store, log });
    const bodies = epochBodies({ store, peers });
    const speaker = (participant: Uint8Array) => identityOf(chain.participants(), participant);
    const sets = closedSets({ store, bodies, peers, context, past: chain.past, identityOf: speaker });
    const dispute = stack.use(
      openDispute(
        {
          folder: options.folder,
          limitLamports: options.evidenceLamports ?? EVIDENCE_LAMPORTS,
          askForHidden: options.askForHidden ?? 'winning',
        },
        {
          domain,
          me,
          identity: parts.keypair.publicKey,
          chain,
          evidence: parts.evidence,
          verify: parts.verify,
          store,
          sets,
          bodies,
          identityOf: speaker,
          ownReport: ({ epoch, verdictAttempt }) => protection.rootVote(epoch, verdictAttempt)?.reportHash,
          log,
          metrics,
          onStage: parts.onStage,
        },
      ),
    );
    const taker = stack.use(
      ingest()({
        store,
        context,
        currentEpoch,
        fetchBytes: peers.fetchBytes,
        nowMs: parts.nowMs,
        heardFork: dispute.heardFork,
        log,
        count: (what) => metrics.ingested.inc(what),
      }),
    );

    const votes = ownVotes({ chain, writer: parts.writer });
    let ledger: Ledger = EMPTY_LEDGER;
    const atEnd = new Map<bigint, ReadonlyMap<string, EscrowRow>>();
    const dutyParts: DutyParts = {
      domain,
      me,
      offchain,
      chain,
      writer: parts.writer,
      store,
      protection,
      bodies,
      sets,
      peers,
      auditor: auditor()({
        domain,
        me,
        signer: parts.keypair,
        protection,
        replayer: parts.replayer,
        challenges: parts.challenges?.judge,
        async keepProven({ audit, epoch, answer, proven }) {
          const { entryHash, drawnEpoch, checked } = audit;
          await store.addBody({ epoch, kind: 'challenge', key: entryHash, bytes: answer });
          const { modelId } = checked.entry.dispatch.value;
          const { keysRoot, position, proven: statements } = proven;
          await parts.challenges?.recorder.add({
            modelId,
            keysRoot,
            epoch: drawnEpoch,
            entryHash,
            position,
            statements,
          });
        },
        thresholds: auditThresholds(offchain),
        openStream: (stream, signalled) => host.openStream(stream, signalled),
        identityNow: speaker,
        isConnected: () => host.peers().length > 0,
        nowMs: parts.nowMs,
        log,
        observe: ({ verdict, rule, seconds }) => {
          metrics.audits.inc({ verdict, rule: String(rule) });
          metrics.auditSeconds.observe(seconds);
        },
      }),
      ledger: {
        current: () => ledger,
        replace: (next) => {
          ledger = next;
        },
      },
      contexts: new Map(),
      context,
      takeEntry: (entry) => taker.entry(entry),
      escrowAtEnd: (epoch, escrow) => atEnd.get(epoch)?.get(toHex(escrow)),
      announce: {
        verdict: (signed) => host.publish(topics.verdicts, encode(signedVerdictCodec, signed)),
        manifest: async (manifest) => {
          await host.publish(topics.manifests, encode(manifestAnnouncementCodec, manifest));
        },
        report: async (report) => {
          await host.publish(topics.reports, encode(reportAnnouncementCodec, report));
        },
      },
      heard: new Set(),
      onStage: parts.onStage,
      randomHash: () => new Uint8Array(randomBytes(32)),
      log,
    };

    const myAccount = () => chain.participants().find(({ address }) => equalBytes(address, me));
    const accountOf = (epoch: bigint) => chain.epochs().find((account) => account.epoch === epoch);
    const claims = () => {
      const account = ledger.last === undefined ? undefined : accountOf(ledger.last.epoch);
      const roleOrdinal = myAccount()?.roleOrdinal;
      if (account === undefined || roleOrdinal === undefined || account.state !== 'finalised') return [];
      const fromSlot = account.quorumSlot + parametersOf({ chain }, account.epoch).challengeSlots;
      return dueClaims({
        ledger,
        participants: chain.participants(),
        account,
        roleOrdinal,
        slot: chain.slot(),
        fromSlot,
      });
    };

    let seenEpoch: bigint | undefined;
    /** What every look at the chain brings beside duties: snapshots while they can be taken, and entries that can now be judged. */
    async function look({ signal }: { readonly signal: AbortSignal }): Promise<void> {
      await chain.refresh({ signal });
      const epoch = currentEpoch();
      await guard.look(seenVotes(epoch));
      if (isMarked && guard.state() === 'signing') {
        await mark.clear();
        isMarked = false;
      }
      metrics.signing(guard.state());
      metrics.protection.set(protection.records());
      if (epoch !== undefined && guard.state() === 'signing') {
        await parts.challenges?.registry.look({ signal });
        await votes.look(epoch, { signal });
      }
      metrics.waiting.set(taker.waiting);
      metrics.ledger.set(Number((ledger.last?.epoch ?? -1n) + 1n));
      metrics.phase(chain.epochs().at(-1)?.state);
      if (epoch === undefined) return;
      for (const one of epoch === 0n ? [0n] : [epoch - 1n, epoch]) {
        if (store.book(one)?.snapshot !== undefined) continue;
        const workers = chain.participants().filter(({ role }) => role === 'worker');
        const groups = snapshotGroups(workers, { epoch: one, policy: offchain });
        if (groups === undefined)
          log.warn({ epoch: one.toString() }, 'The candidates of an epoch can no longer be read.');
        else await store.addSnapshot(one, groups);
      }
      if (seenEpoch !== undefined && seenEpoch + 1n === epoch) noteEscrows(seenEpoch);
      seenEpoch = epoch;
      await taker.retry();
      await countDuties();
    }

    function seenVotes(epoch: bigint | undefined): SeenVotes {
      const epochs = chain.epochs();
      const drawn = epochs.filter(({ state }) => state !== 'closed' && state !== 'attested').map((one) => one.epoch);
      return {
        slot: chain.slot(),
        epoch,
        votes: epochs.flatMap((one) => {
          const vote = chain.vote(one.epoch);
          return vote === undefined ? [] : [{ ...vote, epoch: one.epoch }];
        }),
        beaconThrough: drawn.at(-1) ?? -1n,
        hasEarned: myAccount()?.lifetime.some((part) => part > 0n) === true,
      };
    }

    function noteEscrows(epoch: bigint): void {
      const escrows = [epoch - 1n, epoch].flatMap((one) => [...(store.book(one)?.escrows() ?? [])]);
      const rows = escrows.flatMap((address): [string, EscrowRow][] => {
        const escrow = chain.escrow(address);
        return escrow === undefined ? [] : [[toHex(escrow.address), escrowRow(escrow, epoch)]];
      });
      atEnd.set(epoch, new Map(rows));
      atEnd.delete(epoch - 16n);
    }

    async function countDuties(): Promise<void> {
      const active = myAccount()?.activeFromEpoch;
      for (const { epoch, state } of chain.epochs()) {
        if (state !== 'finalised' || epoch <= BigInt(counts.lastEpoch) || active === undefined || epoch < active)
          continue;
        const next = countVote(counts, epoch, chain.vote(epoch));
        metrics.votes(counts, next);
        counts = next;
        await writeDutyCounts(journalPath, counts);
      }
    }

    const runs: Readonly<
      Record<
        Exclude<
          Duty['kind'],
          'catchUp' | 'close' | 'closeVote' | 'searchSet' | 'showEvidence' | 'executeCases' | 'answerChallenges'
        >,
        RunDuty
      >
    > = {
      attest: attestManifest,
      revealSalt: async ({ writer }, { epoch }, signalled) => {
        const salt = protection.attestation(epoch)?.salt;
        if (salt === undefined) return 'refused';
        await writer.revealSalt({ epoch, salt }, signalled);
        return 'done';
      },
      recordBeacon: async ({ writer }, { epoch }, signalled) => {
        await writer.recordBeacon(epoch, signalled);
        return 'done';
      },
      audit: runAudits,
      postVerdicts,
      seal: sealRoot,
      revealRoot: revealReport,
      settle: settleEscrows,
      finalise: finaliseEpoch,
      claim: claimDue(claims),
      checkSet: (_, account, signalled) => dispute.run.checkSet(account, signalled),
      compareReports: (_, account, signalled) => dispute.run.compareReports(account, signalled),
    };

    async function catchUp({ signal }: { readonly signal: AbortSignal }): Promise<DutyResult> {
      const loaded = await loadLedger(
        { domain, bodies, identityOf: speaker },
        { config: chain.config(), epochs: chain.epochs() },
        { signal },
      );
      if (loaded === undefined) return 'waiting';
      ledger = loaded;
      await keepCarried(dutyParts, { ledger, current: currentEpoch() ?? 0n }, { signal });
      log.info(
        { epoch: loaded.last?.epoch.toString(), root: toHex(loaded.state.root) },
        'The ledger stands at the last final report.',
      );
      return 'done';
    }

    async function run(duty: Duty, signalled: { readonly signal: AbortSignal }): Promise<DutyResult> {
      if (duty.kind === 'catchUp') return catchUp(signalled);
      if (duty.kind === 'close') return closeEpoch(dutyParts, duty.epoch, signalled);
      if (duty.kind === 'closeVote') return votes.close(duty.epoch, signalled);
      if (duty.kind === 'searchSet') return dispute.run.searchSet(duty.epoch, signalled);
      if (duty.kind === 'showEvidence') return dispute.run.showEvidence(signalled);
      if (duty.kind === 'answerChallenges') return dispute.run.answerChallenges(signalled);
      if (duty.kind === 'executeCases') return dispute.run.executeCases(signalled);
      const account = accountOf(duty.epoch);
      return account === undefined ? 'waiting' : runs[duty.kind](dutyParts, account, signalled);
    }

    function duties(): readonly Duty[] {
      const due = allDuties();
      // V-26
      return guard.state() === 'signing' ? due : due.filter(({ kind }) => kind === 'catchUp');
    }

    function allDuties(): readonly Duty[] {
      return nextDuties({
        slot: chain.slot(),
        config: chain.config(),
        me: myAccount(),
        validatorsActiveFrom: chain
          .participants()
          .filter(({ role }) => role === 'validator')
          .map(({ activeFromEpoch }) => activeFromEpoch),
        epochs: chain.epochs(),
        vote: chain.vote,
        hasEntries: (epoch) => (store.book(epoch)?.entryCount ?? 0) > 0,
        ledgerEpoch: ledger.last?.epoch,
        mayAttest: ({ epoch, manifestHash }) => {
          const bound = protection.attestation(epoch);
          return bound === undefined
            ? epoch > protection.newestAttested()
            : equalBytes(bound.manifestHash, manifestHash);
        },
        isBound: (epoch) => epoch <= protection.newestAttested(),
        hasRootVote: (epoch, attempt) => protection.rootVote(epoch, attempt) !== undefined,
        hasClaims: claims().length > 0,
        endedVotes: votes.ended(),
        mustSearch: dispute.mustSearch,
        mustCheckSet: dispute.mustCheckSet,
        mustCompare: dispute.mustCompare,
        hasFindings: dispute.hasFindings(),
        hasCases: dispute.hasCases(),
        mustAnswer: dispute.mustAnswer(),
      });
    }

    const stopServing = await serveBodies({ host, store, chain });
    stack.defer(stopServing);
    stack.use(
      await openCosigner({ folder: options.folder, compareMs: COMPARE_LOGS_MS })({
        domain,
        me,
        signer: parts.keypair,
        host,
        gatewayKeys: (gateway) => gatewayKeys(chain.participants(), gateway),
        maySign: () => guard.state() === 'signing',
        verify: parts.verify,
        nowMs: parts.nowMs,
        sleep: parts.sleep,
        log,
      }),
    );
    const stopped = new AbortController();
    const asking = batchCatchUp()({
      host,
      ingest: taker,
      gateways: () =>
        chain
          .participants()
          .filter(({ role }) => role === 'gateway')
          .map(({ address }) => address),
      currentEpoch,
      sleep: parts.sleep,
      log,
    })({ signal: stopped.signal });
    const leave = subscribe({
      ...parts,
      store,
      taker,
      currentEpoch,
      accountOf,
      heardVerdict: guard.heardVerdict,
      dispute,
    });
    stack.defer(leave);
    const entriesAbout = (epoch: bigint): number =>
      [epoch - 1n, epoch].reduce((sum, one) => sum + (store.book(one)?.entryCount ?? 0), 0);
    const looping = dutyLoop({
      pollMs: options.pollMs,
      dutyTimeoutMs: ({ epoch }) => DUTY_TIMEOUT_MS + entriesAbout(epoch) * DUTY_TIMEOUT_MS_PER_ENTRY,
    })({
      look,
      slot: chain.slot,
      duties,
      run,
      sleep: parts.sleep,
      log,
      nowMs: () => performance.now(),
      onStage: parts.onStage,
      observe: ({ kind, outcome, seconds }) => {
        metrics.duties.inc({ kind, outcome });
        if (seconds !== undefined) metrics.dutySeconds.observe({ kind }, seconds);
      },
    })({ signal: stopped.signal });
    void parts.twin?.then(guard.heardTwin);
    const whenStopped = guard.stopped.then(async (error) => {
      metrics.signing(guard.state());
      stopped.abort();
      await mark.set(
        `${error.message} ${JSON.stringify(error.facts, (_, fact) => (typeof fact === 'bigint' ? `${fact}` : fact))}`,
      );
      return error;
    });
    stack.defer(async () => {
      stopped.abort();
      await Promise.all([looping, asking]);
    });
    const owned = stack.move();
    return {
      ledgerEpoch: () => ledger.last?.epoch,
      entries: (epoch) => store.book(epoch)?.entryCount ?? 0,
      stopped: whenStopped,
      signing: guard.state,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  };

type Knowing = Pick<ValidatorParts, 'domain' | 'chain' | 'offchain' | 'verify' | 'replayer'> & {
  readonly store: { book(epoch: bigint): { readonly snapshot: readonly EntryGroup[] | undefined } | undefined };
};
type EntryGroup = {
  readonly engineClass: Uint8Array;
  readonly modelId: Uint8Array;
  readonly candidates: ReturnType<EntryContext['candidates']>;
};

/** What this validator knows of the cluster now, for the check of an entry. */
function entryContext({ domain, chain, offchain, verify, replayer, store }: Knowing): EntryContext {
  const { epochZeroSlot, parameters } = chain.config();
  return {
    domain,
    verify,
    epochOf: (slot) => epochOfSlot({ epochZeroSlot, slotsPerEpoch: parameters.slotsPerEpoch }, slot),
    gatewayIdentity: (gateway, epoch) => {
      const account = chain.participants().find((one) => one.role === 'gateway' && equalBytes(one.address, gateway));
      return account === undefined || account.activeFromEpoch > epoch ? undefined : identityInEpoch(account, epoch);
    },
    chain: chain.gatewayChain,
    slotHash: chain.slotHash,
    candidates: ({ epoch, engineClass, modelId }) =>
      store
        .book(epoch)
        ?.snapshot?.find((group) => equalBytes(group.engineClass, engineClass) && equalBytes(group.modelId, modelId))
        ?.candidates,
    escrowGateway: (escrow) => chain.escrow(escrow)?.gateway,
    model: (modelId) => replayer.model(modelId),
    listPrice: (epoch) => parametersOf({ chain }, epoch).listPriceLamports,
    clockToleranceMs: offchain.clockToleranceMs,
  };
}

/** Joins the topics. Announcements of bodies are handed on only if they are true by the chain or by what is held here. */
function subscribe(
  parts: Pick<ValidatorParts, 'host' | 'chain' | 'domain' | 'verify' | 'metrics' | 'log'> & {
    readonly store: Awaited<ReturnType<typeof openStore>>;
    readonly taker: Ingest;
    readonly currentEpoch: () => bigint | undefined;
    readonly accountOf: (epoch: bigint) => { readonly manifestHash: Uint8Array } | undefined;
    readonly me: Participant;
    readonly heardVerdict: (verdict: Verdict) => void;
    readonly dispute: Pick<Dispute, 'heardVerdicts'>;
  },
): () => void {
  const { host, chain, store, taker, metrics, me } = parts;
  const validatorIdentity = (validator: Uint8Array, epoch: bigint) => {
    const account = chain.participants().find((one) => one.role === 'validator' && equalBytes(one.address, validator));
    return account === undefined || account.activeFromEpoch > epoch ? undefined : identityInEpoch(account, epoch);
  };
  const signedByMe = (data: Uint8Array): Verdict | undefined => {
    const signed = tryDecode(signedVerdictCodec, data);
    if (signed === undefined || !equalBytes(signed.value.validator, me)) return undefined;
    const identity = validatorIdentity(me, signed.value.epoch);
    const { domain, verify } = parts;
    const isOurs = identity !== undefined && checkRecord(verdictRecord, { domain, identity, verify }, signed);
    return isOurs ? signed.value : undefined;
  };
  const held = (epoch: bigint): readonly Signed<Verdict>[] =>
    [...(store.book(epoch)?.verdicts.values() ?? [])].map(({ signed }) => signed);
  const leaves = [
    host.subscribe(topics.batches, ({ data }) => taker.header(data)),
    host.subscribe(topics.verdicts, async ({ data }) => {
      const { domain, verify } = parts;
      const judged = judgeGossipedVerdict(
        { domain, verify, epoch: parts.currentEpoch(), validatorIdentity, held },
        data,
      );
      const rule = judged.verdict === 'accept' ? '' : judged.rule;
      metrics.ingested.inc({ kind: 'verdict', verdict: judged.verdict, rule });
      // What contradicts a verdict that is held is passed over by I-23, and is worth the most here.
      const value = judged.verdict === 'accept' ? judged.signed.value : signedByMe(data);
      if (value !== undefined && equalBytes(value.validator, me)) parts.heardVerdict(value);
      if (judged.verdict !== 'accept') {
        if (judged.forked !== undefined) parts.dispute.heardVerdicts(judged.forked);
        return judged.verdict;
      }
      const verdictHash = verdictRecord.hash(domain, judged.signed.value);
      await store.addVerdict({ verdictHash, signed: judged.signed, arrivedSlot: chain.slot() });
      return 'accept';
    }),
    host.subscribe(topics.manifests, ({ data }) => {
      const said = tryDecode(manifestAnnouncementCodec, data);
      if (said === undefined) return 'reject';
      const account = parts.accountOf(said.epoch);
      return account !== undefined && equalBytes(account.manifestHash, said.manifestHash) ? 'accept' : 'ignore';
    }),
    host.subscribe(topics.reports, ({ data }) => {
      const said = tryDecode(reportAnnouncementCodec, data);
      if (said === undefined) return 'reject';
      const bodies = shownBodies({ chain, store }, said.epoch);
      const isHeld = bodies.some(({ kind, bodyHash }) => kind === 'report' && equalBytes(bodyHash, said.bodyHash));
      return isHeld ? 'accept' : 'ignore';
    }),
  ];
  return () => {
    for (const leave of leaves) leave();
  };
}
