import { randomBytes } from 'node:crypto';
import type { Signer } from '@karmesh/sdk';
import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type Domain,
  type Entry,
  type EscrowAddress,
  equalBytes,
  type InferenceRequest,
  type Participant,
  priceLamports,
  receiptRecord,
  requestIdOf,
  toHex,
  type VerifySignature,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { AnswerSummary, Market, MarketEvent, MarketModel, MarketRequest } from '../market.ts';
import { unfinishedDispatches } from '../store/dispatches.ts';
import { finishEntry } from '../store/entries.ts';
import type { Db } from '../store/openDatabase.ts';
import type { KeptRequest } from '../store/requests.ts';
import { lastTicket } from '../store/tickets.ts';
import { type AgreedAnswer, agreedAnswer, failureOf } from './agreedAnswer.ts';
import { abandonedEvidence, closeEntry, signTimeout } from './closeEntry.ts';
import { dispatchIssuer, type IssuedDispatch } from './dispatchIssuer.ts';
import { openEscrowLedger } from './escrowLedger.ts';
import { type LaneOptions, lane, throwIfAborted } from './lane.ts';
import { mailbox } from './mailbox.ts';
import type { MarketChain } from './marketChain.ts';
import type { MarketNetwork } from './marketNetwork.ts';
import { patience } from './patience.ts';
import type { RequestStage, RequestStages } from './requestStages.ts';
import {
  type DispatchEnd,
  type DispatchStage,
  type DispatchStageAbout,
  evidenceOf,
  type RunLimits,
  runDispatch,
} from './runDispatch.ts';
import { ticketIssuer } from './ticketIssuer.ts';

export type SchedulerOptions = {
  readonly lane: LaneOptions;
  readonly limits: RunLimits;
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
  /** Pays for every request of this gateway; credits of its own customers are its own matter. */
  readonly escrow: EscrowAddress;
  readonly signer: Signer;
  readonly verify: VerifySignature;
  readonly clock: Clock;
  readonly chain: MarketChain;
  readonly network: MarketNetwork;
  readonly models: readonly MarketModel[];
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
    /** Lamports of the escrow that no request has taken or reserved. */
    readonly availableLamports: bigint;
  };

type Letter = MarketEvent | { readonly kind: 'failed'; readonly cause: unknown };

/**
 * The market's engine room: takes requests, numbers, draws, carries and closes them (stages 2 to 9 of docs/architecture.md). Opening it
 * first gives every dispatch that an earlier process left without an end its entry.
 */
export const openScheduler =
  (options: SchedulerOptions) =>
  async (parts: SchedulerParts): Promise<Scheduler> => {
    const { db, chain, clock, domain, escrow, log } = parts;
    const queue = lane(options.lane)({ nowMs: () => clock.nowMs() });
    const tickets = ticketIssuer(parts, { last: (await lastTicket(db))?.value });
    const dispatches = dispatchIssuer(options, parts);
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
    const ledger = await openEscrowLedger(parts);

    const nowMs = (): bigint => BigInt(clock.nowMs());

    const close = async (closing: {
      readonly ticket: Entry['ticket'];
      readonly dispatch: Entry['dispatch'];
      readonly epoch: bigint;
      readonly evidence: Entry['evidence'];
      readonly activeParameters: bigint;
      readonly kept?: KeptRequest | undefined;
    }): Promise<Entry> => {
      const entry = closeEntry(parts, { ...closing, listPrice: chain.listPrice(closing.epoch), nowMs: nowMs() });
      await finishEntry(db, { epoch: closing.epoch, entry, kept: closing.kept });
      ledger.spend({ epoch: closing.epoch, price: entry.outcome.value.price });
      parts.onEntry?.(entry);
      return entry;
    };

    /** What the request may cost at most: the longest prompt that fits beside the answer. */
    const priceCapOf = (request: MarketRequest): bigint => {
      const { activeParameters, contextLength } = request.model.manifest;
      return priceLamports({
        listPrice: chain.listPrice(),
        activeParameters,
        promptTokens: contextLength,
        outputTokens: request.maxTokens,
      });
    };

    const canonical = (request: MarketRequest): InferenceRequest => ({
      modelId: request.model.modelId,
      assurance: request.assurance,
      maxTokens: request.maxTokens,
      temperatureMicro: request.temperatureMicro,
      stops: request.stops,
      messages: request.messages,
      blinding: new Uint8Array(randomBytes(32)),
    });

    const runIssued = async (run: {
      readonly asked: MarketRequest;
      readonly request: InferenceRequest;
      readonly ticket: Entry['ticket'];
      readonly issued: IssuedDispatch;
      readonly signal: AbortSignal;
      readonly wantsProgress: boolean;
      readonly say: (event: MarketEvent) => void;
      readonly reach: (stage: RequestStage) => void;
    }): Promise<void> => {
      const { asked, request, ticket, issued, signal, wantsProgress, say, reach } = run;
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
        clockToleranceMs: options.clockToleranceMs,
      };
      for await (const progress of runDispatch(
        { context, drawn: issued.drawn, limits: options.limits, signal, wantsProgress },
        { ...parts, patience: asking },
      )) {
        if (progress.kind === 'end') end = progress.end;
        else {
          const isFirst = given === '' && progress.kind === 'text';
          if (progress.kind === 'text') given += progress.text;
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
      const entry = await close({
        ticket,
        dispatch,
        epoch: issued.epoch,
        evidence,
        activeParameters: asked.model.manifest.activeParameters,
        kept:
          answer === undefined
            ? undefined
            : { requestId, request, tokens: answer.tokens, expiresAtMs: nowMs() + BigInt(options.retainMs) },
      });
      parts.onStage?.('entered', { requestId });
      // Whoever hung up has paid for the work that was done, and is told nothing more.
      throwIfAborted(signal);
      const shownAnswer = answer ?? shownWithoutQuorum(end, given);
      if (shownAnswer?.text === undefined) throw failureOf(end);
      if (shownAnswer.text !== given && shownAnswer.text.startsWith(given)) {
        say({ kind: 'text', text: shownAnswer.text.slice(given.length) });
        given = shownAnswer.text;
      }
      say({
        kind: 'done',
        finishReason: shownAnswer.finishReason,
        promptTokens: shownAnswer.promptTokens,
        outputTokens: shownAnswer.tokens.length,
        summary: summaryOf({ domain, entry, epoch: issued.epoch, end, given }),
      });
      parts.onStage?.('answered', { requestId });
    };

    const run = async (
      asked: MarketRequest,
      { signal, wantsProgress }: { readonly signal: AbortSignal; readonly wantsProgress: boolean },
      say: (event: MarketEvent) => void,
    ): Promise<void> => {
      // What makes a dispatch impossible is found out before anything is numbered.
      await dispatches.check(asked.model.modelId);
      const priceCap = priceCapOf(asked);
      using _reservation = ledger.reserve(priceCap);
      using place = queue.enter({ signal });
      // Nobody waits while there is room.
      using standing = parts.stages.enter(queue.waiting > 0 ? 'waiting' : 'drawing');
      const request = canonical(asked);
      const ticket = tickets.issue({ requestId: requestIdOf(domain, request), escrow, priceCap });
      const { requestId } = ticket.value;
      parts.onStage?.('ticketed', { requestId });
      try {
        say({ kind: 'accepted', requestId });
        await place.turn;
        throwIfAborted(signal);
        standing.reach('drawing');
        const issued = await dispatches.issue({
          ticket,
          keyHash: asked.keyHash,
          modelId: asked.model.modelId,
          assurance: asked.assurance,
        });
        standing.reach('working');
        parts.onStage?.('dispatched', { requestId });
        await runIssued({ asked, request, ticket, issued, signal, wantsProgress, say, reach: standing.reach });
      } catch (cause) {
        parts.onStage?.('failed', { requestId, cause: cause instanceof KarmeshError ? cause.code : 'own-fault' });
        throw cause;
      }
    };

    async function* ask(
      asked: MarketRequest,
      { signal, wantsProgress = false }: Parameters<Market['ask']>[1],
    ): AsyncGenerator<MarketEvent> {
      const left = new AbortController();
      const letters = mailbox<Letter>();
      // The run goes on by itself until its entry is on disk, whether or not somebody still listens.
      const ended = AbortSignal.any([signal, left.signal, stopped.signal]);
      const task = run(asked, { signal: ended, wantsProgress }, letters.put).catch((cause: unknown) => {
        letters.put({ kind: 'failed', cause });
      });
      tasks.add(task);
      void task.finally(() => tasks.delete(task));
      try {
        for (;;) {
          const letter = await letters.take();
          if (letter.kind === 'failed') throw letter.cause;
          yield letter;
          if (letter.kind === 'done') return;
        }
      } finally {
        left.abort(new KarmeshError('ABORTED', 'Nobody waits for the answer any more.'));
      }
    }

    const left = await unfinishedDispatches(db);
    for (const { epoch, ticket, signed, drawn } of left) {
      const evidence = abandonedEvidence(parts, { dispatch: signed.value, drawn, nowMs: nowMs() });
      await close({ ticket, dispatch: signed, epoch, evidence, activeParameters: 0n });
    }
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
      get availableLamports() {
        return ledger.available();
      },
      async [Symbol.asyncDispose]() {
        stopped.abort(new KarmeshError('ABORTED', 'The gateway is stopping.'));
        await Promise.all(tasks);
      },
    };
  };

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
}): AnswerSummary {
  const { domain, entry, end } = options;
  const { decision } = end;
  return {
    requestId: entry.ticket.value.requestId,
    assurance: entry.dispatch.value.assurance,
    epoch: options.epoch,
    dispatchNumber: entry.dispatch.value.dispatchNumber,
    priceLamports: entry.outcome.value.price,
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
