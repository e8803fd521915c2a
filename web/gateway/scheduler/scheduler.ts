import { randomBytes } from 'node:crypto';
import type { Signer } from '@karmesh/sdk';
import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type CandidateGroup,
  type Domain,
  type Entry,
  type EscrowAddress,
  equalBytes,
  type InferenceRequest,
  MAX_PRICE_LAMPORTS,
  type Participant,
  priceLamports,
  QUORUM,
  type RequestId,
  receiptRecord,
  requestIdOf,
  type TimeoutCause,
  ticketRecord,
  toHex,
  type VerifySignature,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { AnswerSummary, Market, MarketEvent, MarketModel, MarketRequest } from '../market.ts';
import { orAborted } from '../orAborted.ts';
import type { Hold, Purse } from '../payments/purse.ts';
import { type StoredDispatch, unfinishedDispatches } from '../store/dispatches.ts';
import type { OwedCharge } from '../store/entries.ts';
import type { Db } from '../store/openDatabase.ts';
import { forgetRequest, type KeptRequest } from '../store/requests.ts';
import { lastTicket } from '../store/tickets.ts';
import { abortError, throwIfAborted } from './abortError.ts';
import { type AgreedAnswer, agreedAnswer, failureOf } from './agreedAnswer.ts';
import { arrivedLate } from './arrivedLate.ts';
import { type Bill, billOf, type Settled } from './bill.ts';
import type { GroupFacts } from './chooseGroup.ts';
import { abandonedEvidence, closeEntry, signTimeout } from './closeEntry.ts';
import { dispatchIssuer, type IssuedDispatch } from './dispatchIssuer.ts';
import { type EscrowLedgers, openEscrowLedgers } from './escrowLedgers.ts';
import { heldByEscrow } from './heldByEscrow.ts';
import { type LaneQueueOptions, laneQueue } from './laneQueue.ts';
import { longestAnswers } from './longestAnswers.ts';
import { mailbox } from './mailbox.ts';
import type { MarketChain } from './marketChain.ts';
import type { MarketNetwork } from './marketNetwork.ts';
import { patience } from './patience.ts';
import { laneAccount, type QueueLog, queueRecorder } from './queueRecorder.ts';
import { type ReaderLag, type ReaderLimits, readerLag } from './readerLag.ts';
import type { RequestStage, RequestStages } from './requestStages.ts';
import {
  type DispatchEnd,
  type DispatchStage,
  type DispatchStageAbout,
  evidenceOf,
  HALT_PART,
  type RunLimits,
  runDispatch,
} from './runDispatch.ts';
import { storeEntry } from './storeEntry.ts';
import { ticketIssuer } from './ticketIssuer.ts';
import { promptTokensAtMost, promptTokensGuessed, tokensWithin } from './worstCase.ts';

export type SchedulerOptions = {
  readonly lane: LaneQueueOptions;
  readonly limits: RunLimits;
  /** How far the reader of a stream may be behind before the stream is halted. */
  readonly reader: ReaderLimits;
  /** A-05, micro-karma. */
  readonly weightFloor: bigint;
  readonly weightCap: bigint;
  /** E-21, milliseconds. */
  readonly clockToleranceMs: bigint;
  /** How long prompt and answer are kept for the buyer's bundle, in milliseconds. */
  readonly retainMs: number;
};

/**
 * Points of a request, in this order; `decided`: the run is over and nothing of it is on disk; `entered`: it is, and the buyer does not know;
 * `failed`: in place of what was still to come. What the workers do lies between `dispatched` and `decided`.
 */
export type SchedulerStage =
  | DispatchStage
  | 'ticketed'
  | 'dispatched'
  | 'first-text'
  | 'decided'
  | 'entered'
  | 'answered'
  | 'failed';

export type SchedulerParts = {
  readonly db: Db;
  readonly domain: Domain;
  readonly gateway: Participant;
  /** Pays for every request of an account with credit, for which the gateway is the buyer. */
  readonly escrow: EscrowAddress;
  /** Vouchers of buyers whose own escrows pay; nobody's does unless told. */
  readonly vouchers?: {
    /** M-07: up to what an escrow's greatest voucher goes, in lamports. */
    greatest(escrow: EscrowAddress): bigint;
    /** W-09: resolves once the chain knows that so many lamports of an escrow are authorised beyond what was debited. */
    show(order: {
      readonly escrow: EscrowAddress;
      readonly lamports: bigint;
      readonly signal: AbortSignal;
    }): Promise<void>;
  };
  readonly signer: Signer;
  readonly verify: VerifySignature;
  readonly clock: Clock;
  readonly chain: MarketChain;
  readonly network: MarketNetwork;
  readonly models: readonly MarketModel[];
  /** By which a dispatch's engine class is chosen where there are several. */
  readonly groupFacts: (group: CandidateGroup) => GroupFacts;
  /** Credits of the gateway's customers. */
  readonly purse: Pick<Purse, 'reserve'>;
  readonly queueLog: QueueLog;
  /** M-01, L-07: what a lane costs now. */
  readonly unitPriceOf: (lane: number) => bigint;
  /** Where its requests are, for people who watch. */
  readonly stages: Pick<RequestStages, 'enter'>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly onStage?: (stage: SchedulerStage, about: DispatchStageAbout) => void;
  /** Called with each entry once it is on disk. */
  readonly onEntry?: (entry: Entry) => void;
};

export type Scheduler = Market &
  AsyncDisposable & {
    /** Resolves if a request for some model could be dispatched now; throws why not. */
    ready(): Promise<void>;
    readonly running: number;
    readonly waiting: number;
    /** How many wait, where an account counts for so many at most. */
    waitingUpTo(mostPerAccount: number): number;
    /** Whether an answer is not to be had with its bundle yet: its reader has not taken all of it, and owes no more than it took. */
    isWithheld(requestId: RequestId): boolean;
    /** How many wait in each lane, by its number. */
    readonly waitingByLane: readonly number[];
    /** Lamports of the gateway's escrow that no request has taken or reserved. */
    readonly availableLamports: bigint;
    /** What escrows of buyers can still pay. */
    readonly escrows: Pick<EscrowLedgers, 'of'>;
  };

type Letter = MarketEvent | { readonly kind: 'failed'; readonly cause: unknown };

/**
 * The market's engine room: takes requests, numbers, draws, carries and closes them (stages 2 to 9 of docs/architecture.md). Opening it
 * first gives every dispatch that an earlier process left without an end its entry.
 */
export const openScheduler =
  (options: SchedulerOptions) =>
  async (parts: SchedulerParts): Promise<Scheduler> => {
    const { db, chain, clock, domain, log } = parts;
    const recorder = queueRecorder({ log: parts.queueLog, clock });
    const queue = laneQueue(options.lane)({ nowMs: () => clock.nowMs(), onEvent: recorder.onEvent });
    const { lastTicketNumber } = parts.queueLog;
    const tickets = ticketIssuer(parts, { last: (await lastTicket(db))?.value, lastNumber: lastTicketNumber });
    const dispatches = dispatchIssuer(options, {
      ...parts,
      onDoubt: (dispatch) => track(closeUnsent(dispatch, arrivedLate({ db, clock }, dispatch, stopped))),
    });
    const asking = patience(options.limits)({
      clock,
      onChange: (worker, now) =>
        log.info(
          { worker: toHex(worker) },
          now === 'brief'
            ? 'A worker was silent three times in a row; until it answers it is asked only briefly.'
            : 'A worker that was silent answers again.',
        ),
    });
    const stopped = new AbortController();
    const tasks = new Set<Promise<void>>();
    const readings = new Set<Reading>();
    const withheld = new Map<string, Reading>();
    const longest = longestAnswers({ sealMs: options.limits.sealMs * HALT_PART });
    const voucherOf = parts.vouchers?.greatest ?? (() => 0n);
    const escrows = await openEscrowLedgers({ ...parts, voucherOf });

    const nowMs = (): bigint => BigInt(clock.nowMs());
    /** The gateway ended it, and nobody before. */
    const isStopped = ({ aborted, reason }: AbortSignal): boolean => aborted && reason === stopped.signal.reason;

    const close = async (closing: {
      readonly ticket: Entry['ticket'];
      readonly dispatch: Entry['dispatch'];
      readonly epoch: bigint;
      readonly evidence: Entry['evidence'];
      readonly activeParameters: bigint;
      readonly kept?: KeptRequest | undefined;
      /** What was set aside for it, which its price takes the place of. */
      readonly reserved?: Disposable;
      /** The entry cannot be stored for a while, for this reason. */
      readonly onDelay?: (cause: unknown) => void;
      /** What is owed for an entry of this price, should the process end now. */
      readonly owedOf?: (price: bigint) => OwedCharge | undefined;
    }): Promise<Entry> => {
      const entry = closeEntry(parts, { ...closing, listPrice: chain.listPrice(closing.epoch), nowMs: nowMs() });
      const { price } = entry.outcome.value;
      const { epoch, kept } = closing;
      await storeEntry(
        parts,
        { epoch, entry, kept, owed: closing.owedOf?.(price) },
        { signal: stopped.signal, onDelay: closing.onDelay },
      );
      closing.reserved?.[Symbol.dispose]();
      escrows.opened(closing.ticket.value.escrow)?.spend({ epoch, price });
      parts.onEntry?.(entry);
      return entry;
    };

    /** Closes a dispatch that no worker was told of, or that an earlier process has left. */
    const abandon = async ({ drawn, epoch, signed, ticket }: UnsentDispatch): Promise<void> => {
      const evidence = abandonedEvidence(parts, { dispatch: signed.value, drawn, nowMs: nowMs() });
      await close({ ticket, dispatch: signed, epoch, evidence, activeParameters: 0n });
    };

    /** Closes a dispatch that no worker will be told of, if it was stored: numbers without an entry count against the gateway (E-37). */
    const closeUnsent = async (dispatch: UnsentDispatch, wasStored: Promise<boolean>): Promise<void> => {
      try {
        if (!(await wasStored)) return;
        await abandon(dispatch);
        log.warn({ epoch: dispatch.epoch.toString() }, 'A dispatch that was stored too late was closed as timed out.');
      } catch (err) {
        // The next start closes it.
        if (!stopped.signal.aborted) log.error({ err }, 'A dispatch that was stored too late could not be closed.');
      }
    };

    const track = (task: Promise<void>): void => {
      tasks.add(task);
      void task.finally(() => tasks.delete(task));
    };

    /** Sets the buyer's credit aside, for as many tokens as it pays for. */
    const takeCredit = async (asked: MarketRequest): Promise<Credit> => {
      const { keyHash, accountId, maxTokens, model } = asked;
      const { activeParameters, contextLength } = model.manifest;
      // An answer that is not streamed cannot be halted.
      const inTime = asked.assurance === 'stream' ? maxTokens : longest.within(model.modelId, maxTokens);
      const unitPrice = asked.unitPrice ?? parts.unitPriceOf(asked.lane);
      const promptTokens = promptTokensAtMost(asked.messages, contextLength);
      const terms = { unitPrice, activeParameters, promptTokens };
      const most = priceLamports({ ...terms, outputTokens: inTime });
      const least = priceLamports({ ...terms, outputTokens: 1 });
      // E-24
      if (least > MAX_PRICE_LAMPORTS)
        throw new KarmeshError('ESCROW_SHORT', 'One token of this answer would cost more than a ticket may.', {
          least,
          most: MAX_PRICE_LAMPORTS,
        });
      const within = most < MAX_PRICE_LAMPORTS ? most : MAX_PRICE_LAMPORTS;
      const hold =
        asked.escrow === undefined
          ? await parts.purse.reserve({ key: { keyHash, accountId }, least, most: within })
          : heldByEscrow(within);
      const tokens = tokensWithin(hold.lamports, { ...terms, maxTokens: inTime });
      return {
        hold,
        unitPrice,
        promptTokensAtMost: promptTokens,
        tokensPaidFor: tokens < inTime ? tokens : undefined,
        maxTokens: tokens,
        priceCap: priceLamports({ ...terms, outputTokens: tokens }),
      };
    };

    const canonical = (request: MarketRequest, maxTokens: number): InferenceRequest => ({
      modelId: request.model.modelId,
      assurance: request.assurance,
      maxTokens,
      temperatureMicro: request.temperatureMicro,
      stops: request.stops,
      messages: request.messages,
      blinding: new Uint8Array(randomBytes(32)),
    });

    const runIssued = async (run: {
      readonly asked: MarketRequest;
      readonly request: InferenceRequest;
      readonly promptTokensAtMost: number;
      readonly tokensPaidFor: number | undefined;
      readonly ticket: Entry['ticket'];
      readonly issued: IssuedDispatch;
      readonly reading: Reading;
      readonly reserved: Disposable;
      readonly reach: (stage: RequestStage) => void;
    }): Promise<void> => {
      const { asked, request, ticket, issued, promptTokensAtMost, reading, reserved, reach } = run;
      const { say, signal, wantsProgress } = reading;
      const dispatch = issued.signed;
      const { requestId } = ticket.value;
      let given = '';
      let end: DispatchEnd | undefined;
      const context = {
        domain,
        verify: parts.verify,
        epoch: issued.epoch,
        request,
        ticket,
        dispatch,
        dispatchHash: issued.dispatchHash,
        promptTokensAtMost,
        clockToleranceMs: options.clockToleranceMs,
      };
      using lag = readerLag(options.reader)({ clock, onBehind: () => reading.behind.abort() });
      reading.lag = lag;
      for await (const progress of runDispatch(
        {
          context,
          drawn: issued.drawn,
          limits: options.limits,
          signal,
          wantsProgress,
          reader: readerOf(reading, options.reader.mostTokens),
        },
        { ...parts, patience: asking },
      )) {
        if (progress.kind === 'end') end = progress.end;
        else {
          const isFirst = given === '' && progress.kind === 'text';
          if (progress.kind === 'text') {
            given += progress.text;
            lag.said(progress.outputTokens);
          }
          say(progress);
          if (!isFirst) continue;
          reach('answering');
          parts.onStage?.('first-text', { requestId });
        }
      }
      if (end === undefined) throw new KarmeshError('NO_QUORUM', 'A dispatch ended without an outcome.');
      reach('closing');
      parts.onStage?.('decided', { requestId });
      const evidence = evidenceOf(end.places, (timeout) =>
        signTimeout(parts, { ...timeout, dispatch: dispatch.value, nowMs: nowMs() }),
      );
      const answer = agreedAnswer(end);
      const isStream = request.assurance === 'stream';
      // A reader that dawdles makes no answer late: what counts is when the market was through with it.
      const isLate = isTimeUp(signal);
      learn(asked, { end, issued, maxTokens: request.maxTokens, signal });
      // An escrow pays for the whole entry, whoever has read how much of it.
      if (answer !== undefined && asked.escrow === undefined) {
        reading.keptTokens = answer.tokens.length;
        if (isStream) withheld.set(toHex(requestId), reading);
      }
      const entered = {
        promptTokens: answer?.promptTokens ?? 0,
        isLate,
        isCancelled: isLeft(signal) && !isStopped(signal) && wasCancelled(end),
      };
      let isTold = false;
      reading.isEntering = true;
      const entry = await close({
        ticket,
        dispatch,
        epoch: issued.epoch,
        evidence,
        onDelay(cause) {
          // Nobody waits for a disk that is full: the entry is stored when it can be, and the reader is told now.
          isTold = true;
          reading.say({ kind: 'failed', cause });
        },
        owedOf: (price) => {
          const { bill } = reading;
          if (bill === undefined || price === 0n || asked.escrow !== undefined) return undefined;
          const { promptTokens } = entered;
          const extent = extentOf(asked, { ...reading, entered: { ...entered, settled: { price, promptTokens } } });
          const lamports = bill.owed({ price, promptTokens }, extent);
          return { key: asked, promptTokens, lamports, delivered: bill.last };
        },
        activeParameters: asked.model.manifest.activeParameters,
        reserved,
        kept:
          // What is late is not owed, and so not kept.
          answer === undefined || (isLate && !isStream && asked.escrow === undefined)
            ? undefined
            : { requestId, request, tokens: answer.tokens, expiresAtMs: nowMs() + BigInt(options.retainMs) },
      });
      reading.entered = {
        ...entered,
        isLate: isLate || isTold,
        settled: { price: entry.outcome.value.price, promptTokens: entered.promptTokens },
      };
      reading.isEntering = false;
      parts.onStage?.('entered', { requestId });
      // Whoever hung up has paid for the work that was done, and is told nothing more.
      throwIfAborted(signal);
      const shownAnswer = answer ?? shownWithoutQuorum(end, given);
      if (shownAnswer?.text === undefined) throw failureOf(end);
      if (shownAnswer.text !== given && shownAnswer.text.startsWith(given)) {
        const text = shownAnswer.text.slice(given.length);
        say({ kind: 'text', text, outputTokens: shownAnswer.tokens.length, usage: undefined });
        given = shownAnswer.text;
      }
      say({
        kind: 'done',
        finishReason: shownAnswer.finishReason,
        promptTokens: shownAnswer.promptTokens,
        outputTokens: shownAnswer.tokens.length,
        summary: summaryOf({ domain, entry, epoch: issued.epoch, end, given, tokensPaidFor: run.tokensPaidFor }),
      });
      parts.onStage?.('answered', { requestId });
    };

    /** Keeps in mind how long an answer may be that cannot be halted. */
    const learn = (
      { assurance, model: { modelId } }: MarketRequest,
      run: {
        readonly end: DispatchEnd;
        readonly issued: IssuedDispatch;
        readonly maxTokens: number;
        readonly signal: AbortSignal;
      },
    ): void => {
      const { end, issued, maxTokens, signal } = run;
      const { decision, places } = end;
      if (assurance === 'stream') return;
      if (decision.kind === 'agreed') {
        const sealed = places.flatMap(({ seal, standing }) =>
          standing.kind === 'revealed' && seal !== undefined
            ? [{ tokens: standing.tokens.length, ms: Number(seal.arrivedAtMs - issued.signed.value.dispatchedAtMs) }]
            : [],
        );
        const [, second] = sealed.sort((a, b) => a.ms - b.ms);
        if (second !== undefined) longest.sealed({ modelId, ...second });
      } else if (!signal.aborted) {
        const late = places.filter(({ standing }) => standing.kind === 'fallen' && standing.cause === 'no-seal');
        if (late.length >= QUORUM) longest.late({ modelId, maxTokens });
      }
    };

    const run = async (asked: MarketRequest, credit: Credit, reading: Reading): Promise<void> => {
      const { say, signal } = reading;
      const { hold, maxTokens, priceCap, promptTokensAtMost, tokensPaidFor, unitPrice } = credit;
      const { escrow = parts.escrow } = asked;
      using reserved = (await escrows.of(escrow)).reserve(priceCap);
      if (asked.escrow !== undefined) await parts.vouchers?.show({ escrow, lamports: priceCap, signal });
      throwIfAborted(signal);
      const account = laneAccount(parts.queueLog, asked.accountId);
      queue.admit({ lane: asked.lane, account });
      parts.queueLog.admit();
      const request = canonical(asked, maxTokens);
      // L-02: the ticket is issued before it enters, in one turn of the event loop with what makes sure that it may.
      const terms = { lane: asked.lane, escrow, priceCap, unitPrice };
      const ticket = tickets.issue({ requestId: requestIdOf(domain, request), ...terms });
      const { lane, requestId, ticketNumber } = ticket.value;
      recorder.expect({ ticketNumber, ticketHash: ticketRecord.hash(domain, ticket.value) });
      using place = queue.enter({ signal, ticket: ticketNumber, lane, account });
      using end = new DisposableStack();
      try {
        reading.bill = billOf(hold, {
          requestId,
          unitPrice,
          priceCap,
          promptTokens: Math.min(promptTokensAtMost, promptTokensGuessed(asked.messages)),
          ...asked.model.manifest,
        });
        // Nobody waits while there is room.
        const standing = end.use(parts.stages.enter(queue.waiting > 0 ? 'waiting' : 'drawing'));
        parts.onStage?.('ticketed', { requestId });
        say({ kind: 'accepted', requestId });
        await place.turn;
        throwIfAborted(signal);
        standing.reach('drawing');
        const { assurance, keyHash, model } = asked;
        // G-13: a worker sees no ticket that the log might lose.
        let isLogged = false;
        const logged = parts.queueLog.flushed().then(() => {
          isLogged = true;
        });
        const [issued] = await Promise.all([
          dispatches.issue({ ticket, keyHash, modelId: model.modelId, assurance }),
          orAborted(logged, signal),
        ]);
        if (!isLogged) {
          track(closeUnsent({ ticket, ...issued }, Promise.resolve(true)));
          throw abortError(signal);
        }
        standing.reach('working');
        parts.onStage?.('dispatched', { requestId });
        const { reach } = standing;
        await runIssued({
          asked,
          request,
          ticket,
          issued,
          promptTokensAtMost,
          tokensPaidFor,
          reading,
          reserved,
          reach,
        });
        recorder.ended(ticketNumber, 'finished');
      } catch (cause) {
        recorder.ended(ticketNumber, signal.aborted ? 'cancelled' : 'failed');
        parts.onStage?.('failed', { requestId, cause: cause instanceof KarmeshError ? cause.code : 'own-fault' });
        throw cause;
      }
    };

    /** Runs a request to its entry, whether or not somebody still listens, and then bills what its reader took. */
    const serve = async (asked: MarketRequest, reading: Reading): Promise<void> => {
      let credit: Credit | undefined;
      try {
        // What makes a dispatch impossible is found out before anything is set aside or numbered.
        await dispatches.check(asked.model.modelId);
        credit = await takeCredit(asked);
        await run(asked, credit, reading);
      } catch (cause) {
        reading.say({ kind: 'failed', cause });
      }
      const isRead = await reading.ended.promise;
      reading.isOver = true;
      const { bill, entered } = reading;
      // Nobody knows whether the entry was stored, so the next start bills what it finds.
      if (reading.isEntering && stopped.signal.aborted) return;
      // A gateway that stops ends what it has shown nothing of, and nobody owes that.
      const isDropped = isStopped(reading.signal) && asked.assurance === 'stream' && reading.taken === 0;
      const extent = isRead || asked.escrow !== undefined ? 'all' : isDropped ? 'nothing' : extentOf(asked, reading);
      try {
        // On the way out nobody waits for a database that is away: the purse has the bill, and is the last to stop.
        await orAborted(bill?.end(entered?.settled, extent), stopped.signal);
      } catch (err) {
        log.error({ err }, 'What a request cost is not in the ledger yet.');
      }
      credit?.hold.release();
      if (extent !== 'all') await forgetUnpaid(bill?.requestId, reading);
      if (bill !== undefined) withheld.delete(toHex(bill.requestId));
    };

    /** The bundle of an answer has no more than its buyer owes. */
    const forgetUnpaid = async (requestId: RequestId | undefined, reading: Reading): Promise<void> => {
      if (requestId === undefined || !isAhead(reading)) return;
      try {
        await forgetRequest(db, requestId);
      } catch (err) {
        log.error({ err }, 'An answer that was not read to its end could not be forgotten before its time.');
      }
    };

    async function* ask(
      asked: MarketRequest,
      { signal: wanted, wantsProgress = false, withinMs }: Parameters<Market['ask']>[1],
    ): AsyncGenerator<MarketEvent> {
      const left = new AbortController();
      const letters = mailbox<Letter>();
      const signal = AbortSignal.any([wanted, left.signal, stopped.signal]);
      const reading: Reading = {
        signal,
        wantsProgress,
        say: letters.put,
        haltAtMs:
          withinMs === undefined
            ? undefined
            : clock.nowMs() + withinMs - Math.min(withinMs, options.limits.sealMs) * (1 - HALT_PART),
        ended: Promise.withResolvers<boolean>(),
        behind: new AbortController(),
        taken: 0,
        keptTokens: 0,
        hasTail: false,
        isOver: false,
        isEntering: false,
        lag: undefined,
        bill: undefined,
        entered: undefined,
      };
      // Somebody who does not take what is there, once it is over, is not waited for.
      let silence = (): void => {};
      const onAbort = (): void => {
        silence = clock.alarm(LINGER_MS, () => reading.ended.resolve(false));
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      readings.add(reading);
      const task = serve(asked, reading);
      tasks.add(task);
      void task.finally(() => {
        signal.removeEventListener('abort', onAbort);
        silence();
        readings.delete(reading);
        tasks.delete(task);
      });
      try {
        for (;;) {
          const letter = await letters.take();
          if (letter.kind === 'failed') throw letter.cause;
          // What it took until then is billed, and there is no more.
          if (reading.isOver) throwIfAborted(signal);
          yield letter;
          // Whoever asks for more has taken what came before.
          if (letter.kind === 'text') take(reading, letter);
          if (letter.kind === 'done') {
            reading.ended.resolve(true);
            return;
          }
        }
      } finally {
        reading.ended.resolve(false);
        left.abort(new KarmeshError('ABORTED', 'Nobody waits for the answer any more.'));
      }
    }

    const left = await unfinishedDispatches(db);
    for (const dispatch of left) await abandon(dispatch);
    if (left.length > 0) log.warn({ count: left.length }, 'Dispatches of the last process were closed as timed out.');

    const ready = async (): Promise<void> => {
      let reason: unknown = new KarmeshError('MODEL_UNKNOWN', 'The gateway sells no model.');
      for (const { modelId } of parts.models) {
        try {
          await dispatches.check(modelId);
          return;
        } catch (cause) {
          reason = cause;
        }
      }
      throw reason;
    };

    return {
      models: () => parts.models,
      ready,
      ask,
      get running() {
        return queue.running;
      },
      get waiting() {
        return queue.waiting;
      },
      get waitingByLane() {
        return queue.waitingByLane;
      },
      get availableLamports() {
        return escrows.own.available();
      },
      escrows,
      isWithheld(requestId) {
        const reading = withheld.get(toHex(requestId));
        return reading !== undefined && isAhead(reading);
      },
      waitingUpTo: queue.waitingUpTo,
      async [Symbol.asyncDispose]() {
        stopped.abort(new KarmeshError('ABORTED', 'The gateway is stopping.'));
        for (const reading of readings) reading.ended.resolve(false);
        await Promise.all(tasks);
      },
    };
  };

type UnsentDispatch = Pick<StoredDispatch, 'drawn' | 'epoch' | 'signed' | 'ticket'>;

/** Credit that is set aside for a request, and what it is sold for. */
type Credit = {
  readonly hold: Hold;
  readonly unitPrice: bigint;
  /** As many as asked for, or as many as the credit pays for, or as many as are made in time. */
  readonly maxTokens: number;
  /** What the credit pays for, if that is less than the others. */
  readonly tokensPaidFor: number | undefined;
  readonly promptTokensAtMost: number;
  readonly priceCap: bigint;
};

/** Who reads an answer, how far it has come, and what is owed for that. */
type Reading = {
  /** Aborted when nobody waits any more, or it has taken too long. */
  readonly signal: AbortSignal;
  readonly wantsProgress: boolean;
  readonly say: (letter: Letter) => void;
  /** When a stream is halted, by the clock, so that it ends in time; undefined if it has all the time. */
  readonly haltAtMs: number | undefined;
  /** Whether the answer was read to its end, once the reading is over. */
  readonly ended: PromiseWithResolvers<boolean>;
  readonly behind: AbortController;
  /** Output tokens of the text that was taken. */
  taken: number;
  /** Those that the bundle has. */
  keptTokens: number;
  /** The last text, of which nothing was signed, was taken too. */
  hasTail: boolean;
  /** What is owed has been found out. */
  isOver: boolean;
  /** Its entry may be on disk, and nobody has said so. */
  isEntering: boolean;
  lag: ReaderLag | undefined;
  bill: Bill | undefined;
  entered: { readonly settled: Settled; readonly isLate: boolean; readonly isCancelled: boolean } | undefined;
};

/** How long somebody may go on to take what was said after its request is over, in milliseconds. */
const LINGER_MS = 6_000;

function take(reading: Reading, { outputTokens, usage }: Extract<MarketEvent, { kind: 'text' }>): void {
  reading.taken = outputTokens;
  reading.lag?.took(outputTokens);
  if (usage === undefined) reading.hasTail = true;
  else reading.bill?.delivered(usage);
}

const readerOf = (reading: Reading, mostAhead: number) => ({
  get taken() {
    return reading.taken;
  },
  mostAhead,
  behind: reading.behind.signal,
  haltAtMs: reading.haltAtMs,
});

/** Whether the bundle has more than the reader. */
const isAhead = ({ keptTokens, taken }: Reading): boolean => taken < keptTokens;

/**
 * What is owed for an answer that was not read to its end. Of a stream what was delivered. Other answers can be fetched with their bundle,
 * so that leaving one that came in time saves nothing. Work that was cancelled has cost the reading of its prompt.
 */
function extentOf({ assurance }: MarketRequest, { entered, hasTail }: Reading): Parameters<Bill['end']>[1] {
  if (entered?.isCancelled === true) return 'prompt';
  if (assurance === 'stream') return hasTail ? 'all' : 'delivered';
  return entered?.isLate === true ? 'nothing' : 'all';
}

/** The market, and nobody else, took too long. */
const isTimeUp = ({ reason }: AbortSignal): boolean =>
  reason instanceof KarmeshError && reason.code === 'WORKER_TIMEOUT';

/** The reader has left; any other code is why the gateway gave up. */
const isLeft = ({ aborted, reason }: AbortSignal): boolean =>
  aborted && !(reason instanceof KarmeshError && reason.code !== 'ABORTED');

/** Nobody has revealed anything, and somebody had begun. */
function wasCancelled({ places }: DispatchEnd): boolean {
  const hasBegun = (cause: TimeoutCause): boolean => cause !== 'unreachable' && cause !== 'no-acceptance';
  return (
    places.every(({ standing }) => standing.kind !== 'revealed') &&
    places.some(({ standing }) => standing.kind === 'fallen' && hasBegun(standing.cause))
  );
}

/** In `stream` mode the client has seen a text that two workers did not agree on; the answer says so instead of failing. */
function shownWithoutQuorum(end: DispatchEnd, given: string): AgreedAnswer | undefined {
  if (given === '') return undefined;
  for (const { standing } of end.places) {
    if (standing.kind === 'revealed' && standing.text === given) {
      const { promptTokens } = standing.revealed.receipt.value;
      return { text: given, tokens: standing.tokens, promptTokens, finishReason: standing.revealed.body.finishReason };
    }
  }
  return undefined;
}

function summaryOf(options: {
  readonly domain: Domain;
  readonly entry: Entry;
  readonly epoch: bigint;
  readonly end: DispatchEnd;
  readonly given: string;
  readonly tokensPaidFor: number | undefined;
}): AnswerSummary {
  const { domain, entry, end, tokensPaidFor } = options;
  const { decision } = end;
  return {
    requestId: entry.ticket.value.requestId,
    assurance: entry.dispatch.value.assurance,
    epoch: options.epoch,
    dispatchNumber: entry.dispatch.value.dispatchNumber,
    priceLamports: entry.outcome.value.price,
    lane: entry.ticket.value.lane,
    tokensPaidFor,
    verdict: entry.outcome.value.verdict,
    workers: end.places.map(({ worker, standing }) => {
      const agrees =
        decision.kind === 'agreed' && decision.agreeing.some((each) => equalBytes(each, worker.participant));
      const outcomes = { revealed: agrees ? 'agreed' : 'dissented', refused: 'refused' } as const;
      return {
        worker: worker.participant,
        outcome: standing.kind === 'revealed' || standing.kind === 'refused' ? outcomes[standing.kind] : 'timed-out',
        receiptHash:
          standing.kind === 'revealed' ? receiptRecord.hash(domain, standing.revealed.receipt.value) : undefined,
        shown: standing.kind === 'revealed' && standing.text === options.given,
      };
    }),
  };
}
