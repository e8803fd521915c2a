import {
  type AuditAsk,
  type AuditOpen,
  type AuditThresholds,
  type Domain,
  equalBytes,
  type Identity,
  type Participant,
  type Signed,
  type SumPath,
  signRecord,
  toHex,
  type Verdict,
  verdictRecord,
} from '@karmesh/sdk/protocol';
import type { Keypair, Logger } from '@karmesh/sdk/runtime';
import type { ChallengeJudge } from '../challenge/challengeJudge.ts';
import type { DrawnAudit } from '../epoch/drawnAudits.ts';
import type { Protection } from '../slashingProtection/openProtection.ts';
import { askWorker, type OpenStream, type WorkerReply } from './askWorker.ts';
import { type Judgement, judgeAnswer, NO_ANSWER, type Replayer } from './judgeAnswer.ts';

/** Where an answer stands in a tree on chain: what shows the worker that it was drawn. */
export interface AuditPlace {
  readonly source: 'set' | 'carried';
  readonly treeEpoch: bigint;
  readonly index: number;
  readonly count: number;
  readonly path: SumPath;
}

export interface AuditRound {
  readonly epoch: bigint;
  readonly audits: readonly DrawnAudit[];
  readonly placeOf: (audit: DrawnAudit) => AuditPlace | undefined;
  /** The verdicts held for the epoch. */
  readonly verdicts: readonly Signed<Verdict>[];
  readonly slot: bigint;
  /** U-09: from this slot on a first auditor that got no answer says so; a second one from `secondDeadlineSlot` on. */
  readonly firstDeadlineSlot: bigint;
  readonly secondDeadlineSlot: bigint;
}

export interface AuditorOptions {
  /** How long one ask may take, 3,000 milliseconds unless told. */
  readonly askTimeoutMs?: number;
  /** Audits at once, 2 unless told: each replays an answer. */
  readonly concurrency?: number;
  /** For how long a run begins audits, 4,000 milliseconds unless told: what was found is said in time, and the rest has its turn in the next run. */
  readonly runMs?: number;
}

export interface AuditorParts {
  readonly domain: Domain;
  readonly me: Participant;
  readonly signer: Pick<Keypair, 'publicKey' | 'sign'>;
  readonly protection: Pick<Protection, 'verdict' | 'mayJudge' | 'signVerdict'>;
  readonly replayer: Replayer;
  /** Judges challenges of `proof` requests (Z-48). */
  readonly challenges?: ChallengeJudge | undefined;
  readonly thresholds: AuditThresholds;
  /** Keeps the answer to a challenge that held, and what was proven by it. */
  readonly keepProven?: ((kept: KeptChallenge) => Promise<void>) | undefined;
  readonly openStream: OpenStream;
  /** The key that a participant speaks with now, on chain. */
  readonly identityNow?: ((participant: Participant) => Identity | undefined) | undefined;
  /** False while no peer is connected: then a silent worker proves nothing. */
  readonly isConnected: () => boolean;
  readonly nowMs: () => number;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly observe: (audit: {
    readonly verdict: 'pass' | 'fail';
    readonly rule: number;
    readonly seconds: number;
  }) => void;
}

/** An answer to a challenge that held. */
export interface KeptChallenge {
  readonly audit: DrawnAudit;
  /** Of the verdict. */
  readonly epoch: bigint;
  readonly answer: Uint8Array;
  readonly proven: NonNullable<Judgement['proven']>;
}

export interface Auditor {
  /** U-02, U-08: does what is due of a round and gives the verdicts that this validator stands by, new and old. Called again while the round lasts. */
  run(round: AuditRound, options: { readonly signal: AbortSignal }): Promise<readonly Signed<Verdict>[]>;
}

/** How often a worker is asked before its silence counts. */
const MIN_ASKS = 2;
const MAX_REMEMBERED_ASKS = 65_536;

export const auditor =
  (options: AuditorOptions = {}) =>
  (parts: AuditorParts): Auditor => {
    const { askTimeoutMs = 3_000, concurrency = 2, runMs = 4_000 } = options;
    const { domain, me, protection, log } = parts;
    const asks = new Map<string, number>();
    /** Which workers were silent in a round: each time costs the whole time of an ask, which the answers of others wait for. */
    const silences = new Set<string>();

    const isChallenged = ({ checked }: DrawnAudit): boolean =>
      checked.entry.dispatch.value.assurance === 'proof' &&
      parts.challenges?.isDue(checked.entry.dispatch.value.modelId) === true;

    /** 0 or 1 if this validator is drawn and it is its turn, with the verdict that makes it so. */
    function dueAttempt(
      round: AuditRound,
      audit: DrawnAudit,
    ): { readonly attempt: number; readonly first: readonly Signed<Verdict>[] } | undefined {
      const attempt = audit.auditors.findIndex(({ participant }) => equalBytes(participant, me));
      if (attempt === 0) return { attempt, first: [] };
      if (attempt !== 1) return undefined;
      const failing = round.verdicts.find(
        ({ value }) =>
          value.attempt === 0 &&
          value.verdict === 'fail' &&
          equalBytes(value.entryHash, audit.entryHash) &&
          equalBytes(value.receiptHash, audit.receiptHash) &&
          equalBytes(value.validator, audit.auditors[0]?.participant ?? new Uint8Array()),
      );
      return failing === undefined ? undefined : { attempt, first: [failing] };
    }

    async function judge(
      round: AuditRound,
      due: { readonly audit: DrawnAudit; readonly attempt: number; readonly first: readonly Signed<Verdict>[] },
      signal: AbortSignal,
    ): Promise<Judgement | undefined> {
      const { audit, attempt, first } = due;
      const place = round.placeOf(audit);
      const worker = workerOf(audit);
      // Without the model nothing can be said, and the answer is carried to another auditor.
      if (place === undefined || worker === undefined || !parts.isConnected()) return undefined;
      if (parts.replayer.model(audit.checked.entry.dispatch.value.modelId) === undefined) return undefined;
      const key = `${round.epoch} ${toHex(audit.entryHash)} ${attempt}`;
      asks.set(key, (asks.get(key) ?? 0) + 1);
      const ask = (identity: Identity): Promise<WorkerReply> =>
        askWorker(askOf({ round, audit, attempt, first, place, me }), {
          worker: identity,
          openStream: parts.openStream,
          timeoutMs: askTimeoutMs,
          signal,
        });
      const signed = await ask(worker);
      // Who carries an answer for an hour may have a new key by then.
      const now = parts.identityNow?.(audit.receipt.receipt.value.worker);
      const hasMoved = signed.kind === 'silent' && now !== undefined && !equalBytes(now, worker);
      const reply = hasMoved ? await ask(now) : signed;
      if (reply.kind === 'silent') silences.add(silenceKey(round.epoch, audit));
      const challenges = isChallenged(audit) ? parts.challenges : undefined;
      const ofRound = attempt === 0 ? round.firstDeadlineSlot : round.secondDeadlineSlot;
      // A token takes minutes to prove, so that the answer is carried until then.
      const late = challenges?.deadlineSlot(audit.drawnEpoch) ?? 0n;
      const deadline = late > ofRound ? late : ofRound;
      // Keys may have been admitted since the worker started: until the deadline it may yet prove.
      const isUnproven = challenges !== undefined && reply.kind === 'open' && reply.opened.challenge.length === 0;
      if (isUnproven && round.slot < deadline) return undefined;
      if (reply.kind === 'open') {
        const answer = { domain, audit, opened: reply.opened, thresholds: parts.thresholds };
        // Keys that nobody loads any more would otherwise be a way never to be failed.
        const mayAbstain = round.slot < deadline;
        const challenge =
          challenges && ((opened: AuditOpen) => challenges.judge(audit, opened, { mayAbstain, signal }));
        const judged = await judgeAnswer(answer, { replayer: parts.replayer, challenge, signal });
        // Kept before anybody can ask for it by the verdict's hash.
        if (judged?.proven !== undefined)
          await parts.keepProven?.({
            audit,
            epoch: round.epoch,
            answer: reply.opened.challenge,
            proven: judged.proven,
          });
        return judged;
      }
      const why = reply.kind === 'refused' ? { reason: reply.reason } : { err: reply.cause };
      log.warn(
        { entry: toHex(audit.entryHash), worker: toHex(worker), ...why },
        'A worker did not open a drawn answer.',
      );
      return round.slot >= deadline && (asks.get(key) ?? 0) >= MIN_ASKS ? NO_ANSWER : undefined;
    }

    async function auditOne(
      round: AuditRound,
      audit: DrawnAudit,
      { signal, untilMs }: { readonly signal: AbortSignal; readonly untilMs: number },
    ): Promise<Signed<Verdict> | undefined> {
      const due = dueAttempt(round, audit);
      if (due === undefined) return undefined;
      const { epoch } = round;
      const { entryHash, receiptHash } = audit;
      const { attempt } = due;
      const before = protection.verdict({ epoch, entryHash, attempt });
      if (before !== undefined) return before;
      // V-25: a replay whose verdict could not be signed helps nobody.
      if (!protection.mayJudge({ epoch, entryHash, attempt })) return undefined;
      const started = parts.nowMs();
      if (started >= untilMs) return undefined;
      const judged = await judge(round, { audit, ...due }, signal);
      if (judged === undefined) return undefined;
      const { rule, measurementsHash } = judged;
      const verdict: Verdict = {
        epoch,
        entryHash,
        receiptHash,
        validator: me,
        attempt,
        verdict: judged.verdict,
        rule,
        measurementsHash,
      };
      // On disk before anybody sees it, so that a restart cannot make this validator say something else.
      const signed = await protection.signVerdict({
        verdict,
        sign: () => signRecord(verdictRecord, { domain, signer: parts.signer }, verdict),
      });
      parts.observe({ verdict: judged.verdict, rule, seconds: (parts.nowMs() - started) / 1000 });
      log.info(
        { entry: toHex(entryHash), attempt, verdict: judged.verdict, rule, measurements: judged.measurements },
        'An answer was audited.',
      );
      return signed;
    }

    return {
      async run(round, { signal }) {
        for (const remembered of [asks, silences]) if (remembered.size > MAX_REMEMBERED_ASKS) remembered.clear();
        const verdicts: Signed<Verdict>[] = [];
        const untilMs = parts.nowMs() + runMs;
        const waiting = round.audits.values();
        const asksOf = ({ entryHash }: DrawnAudit): number =>
          asks.get(`${round.epoch} ${toHex(entryHash)} 0`) ?? asks.get(`${round.epoch} ${toHex(entryHash)} 1`) ?? 0;
        let deferred: DrawnAudit[] = [];
        let isSorted = false;
        /** Those of workers that were never silent come first, then those that were asked least often. */
        const next = (): DrawnAudit | undefined => {
          for (let one = waiting.next(); one.done !== true; one = waiting.next()) {
            if (!silences.has(silenceKey(round.epoch, one.value))) return one.value;
            deferred.push(one.value);
          }
          if (!isSorted) deferred = deferred.sort((a, b) => asksOf(b) - asksOf(a));
          isSorted = true;
          return deferred.pop();
        };
        const lane = async (): Promise<void> => {
          for (let audit = next(); audit !== undefined; audit = next()) {
            try {
              const signed = await auditOne(round, audit, { signal, untilMs });
              if (signed !== undefined) verdicts.push(signed);
            } catch (err) {
              if (signal.aborted) throw err;
              log.error({ err, entry: toHex(audit.entryHash) }, 'An audit could not be done; the answer is carried.');
            }
          }
        };
        await Promise.all(Array.from({ length: concurrency }, lane));
        return verdicts;
      },
    };
  };

function silenceKey(epoch: bigint, { receipt }: DrawnAudit): string {
  return `${epoch} ${toHex(receipt.receipt.value.worker)}`;
}

function workerOf(audit: DrawnAudit): Identity | undefined {
  const { worker } = audit.receipt.receipt.value;
  return audit.checked.drawn.find(({ participant }) => equalBytes(participant, worker))?.identity;
}

function askOf(parts: {
  readonly round: AuditRound;
  readonly audit: DrawnAudit;
  readonly attempt: number;
  readonly first: readonly Signed<Verdict>[];
  readonly place: AuditPlace;
  readonly me: Participant;
}): AuditAsk {
  const { place } = parts;
  return {
    type: 'ask',
    epoch: parts.round.epoch,
    validator: parts.me,
    attempt: parts.attempt,
    source: place.source,
    treeEpoch: place.treeEpoch,
    drawnEpoch: parts.audit.drawnEpoch,
    drawnBeacon: parts.audit.drawnBeacon,
    index: place.index,
    count: place.count,
    setPath: place.source === 'set' ? place.path : [],
    carriedPath: place.source === 'carried' ? place.path : [],
    entry: parts.audit.checked.entry,
    verdicts: parts.first,
  };
}
