import type { Clock } from '@karmesh/sdk/clock';
import {
  type ArrivedSeal,
  answerOf,
  type Candidate,
  decideQuorum,
  type Evidence,
  type Participant,
  QUORUM,
  type QuorumDecision,
  REPLICAS,
  type Refusal,
  type RequestId,
  type RevealedReceipt,
  type Signed,
  type TimeoutCause,
  type Usage,
} from '@karmesh/sdk/protocol';
import type { MarketEvent, WorkerStep } from '../market.ts';
import type { DispatchContext } from './dispatchContext.ts';
import { fairAlarm } from './fairAlarm.ts';
import { haltPoint } from './haltPoint.ts';
import { mailbox } from './mailbox.ts';
import type { Patience } from './patience.ts';
import {
  type SessionEvent,
  type SessionLimits,
  type SessionParts,
  type WorkerSession,
  workerSession,
} from './workerSession.ts';

export type RunLimits = SessionLimits & {
  /** After two workers have sealed, the others have as long again as the second of them took, and this many milliseconds more. */
  readonly stragglerMs: number;
};

type Revealed = { readonly revealed: RevealedReceipt; readonly tokens: readonly number[]; readonly text: string };

/** The part of its time to seal after which a stream is halted, so that workers who are behind reach the same token in what is left. */
export const HALT_PART = 3 / 4;

/** How long the others wait at most for the first words of a stream's first drawn, in milliseconds. */
const HEAD_START_MS = 10;

/** How far a drawn worker has come. `fallen` carries what its time-out record will say. */
type Standing =
  | { readonly kind: 'asked' }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'sealed' }
  | ({ readonly kind: 'revealed' } & Revealed)
  | { readonly kind: 'refused'; readonly refusal: Signed<Refusal>; readonly retryAfterMs: number }
  | { readonly kind: 'fallen'; readonly cause: TimeoutCause };

export type DispatchPlace = {
  readonly worker: Candidate;
  readonly standing: Standing;
  readonly seal: ArrivedSeal | undefined;
};

export type DispatchEnd = {
  readonly decision: QuorumDecision;
  /** Every worker that was asked, in the order of the draw. */
  readonly places: readonly DispatchPlace[];
};

export type DispatchProgress =
  | Extract<MarketEvent, { kind: 'text' | 'workers' }>
  | { readonly kind: 'end'; readonly end: DispatchEnd };

/** Points of a dispatch: what an asked worker did or let be, and that everybody's seals went to those who had sealed. */
export type DispatchStage =
  | 'worker-asked'
  | 'worker-accepted'
  | 'worker-sealed'
  | 'exchanged'
  | 'worker-revealed'
  | 'worker-refused'
  | 'worker-fallen';

export type DispatchStageAbout = {
  readonly requestId: RequestId;
  readonly worker?: Participant;
  /** Why a worker is out. */
  readonly cause?: string;
};

type Letter =
  | { readonly place: number; readonly event: SessionEvent }
  | { readonly place: undefined; readonly event: 'head-start-over' | 'stragglers' | 'enough' | 'aborted' };

type Place = {
  readonly worker: Candidate;
  readonly session: WorkerSession;
  standing: Standing;
  seal: ArrivedSeal | undefined;
  text: string;
  /** What it has signed for its text so far, and the tokens that are. */
  tokens: readonly number[];
  usage: Signed<Usage> | undefined;
};

/**
 * Runs one dispatch with the workers of its draw, in their order (A-08, E-17): three at once, in `stream` mode the first a moment
 * ahead, since its first words are what the reader waits for; a refusal or an unreachable worker is made up for by the next; all who
 * have sealed get everybody's seals and reveal; a split asks the next until two agree or nobody is left. In `stream` mode
 * yields text as the first worker that can says it, else nothing until the end. With `wantsProgress` it also yields how far the
 * workers have come, whenever that has changed.
 *
 * Aborting `signal` cancels the workers and ends with what there is, unless work was done that somebody has to pay for, so that hanging up
 * dodges no cost. A stream of which a worker has sent tokens is halted (W-22, `haltPoint`), and two who agree on that much are paid for it by
 * the rules of a whole answer. In the other modes, and once seals were exchanged, an answer that was sealed is brought to its end.
 *
 * A stream is halted likewise, and its reader has the answer up to there, when it takes too long (from `reader.haltAtMs` on, or from three
 * quarters of the time that a worker may take to seal) and when `reader.behind` is aborted.
 */
export async function* runDispatch(
  options: {
    readonly context: DispatchContext;
    readonly drawn: readonly Candidate[];
    readonly limits: RunLimits;
    readonly signal: AbortSignal;
    readonly wantsProgress?: boolean;
    /** Who reads a stream. */
    readonly reader: {
      /** The output tokens that it has taken. */
      readonly taken: number;
      /** How far beyond these one worker's word alone may make the others compute. */
      readonly mostAhead: number;
      /** Aborted when it takes nothing for too long. */
      readonly behind: AbortSignal;
      /** When its time is nearly over, by the clock; undefined if it has all the time. */
      readonly haltAtMs: number | undefined;
    };
  },
  parts: {
    readonly network: SessionParts['network'];
    readonly clock: Clock;
    readonly patience: Patience;
    readonly onStage?: ((stage: DispatchStage, about: DispatchStageAbout) => void) | undefined;
  },
): AsyncGenerator<DispatchProgress, void, undefined> {
  const { context, drawn, limits, reader, signal } = options;
  const { clock, patience } = parts;
  const letters = mailbox<Letter>();
  const places: Place[] = [];
  const began = clock.nowMs();
  const silent: Place[] = [];
  let isHeard = false;
  let silence: (() => void) | undefined;
  let headStart = (): void => {};
  let given = '';
  /** Of what is given. */
  let givenUsage: Signed<Usage> | undefined;
  let givenBy: Place | undefined;
  let wanted = true;
  let isEnough = false;
  let silenceTime: (() => void) | undefined;
  let silenceAccepted: (() => void) | undefined;
  let haltedAt: number | undefined;
  let isExchanged = false;
  let told = '';

  const isStream = context.request.assurance === 'stream';
  const sayEnough = (): void => letters.put({ place: undefined, event: 'enough' });

  const { requestId } = context.ticket.value;
  const reached = (stage: DispatchStage, place: Place, cause?: string): void => {
    const about = { requestId, worker: place.worker.participant };
    parts.onStage?.(stage, cause === undefined ? about : { ...about, cause });
  };

  const askNext = (): boolean => {
    const worker = drawn[places.length];
    if (worker === undefined) return false;
    const index = places.length;
    const emit = (event: SessionEvent): void => letters.put({ place: index, event });
    const session = workerSession({ context, worker, limits: patience.limitsFor(worker.participant) })({
      network: parts.network,
      clock,
      emit,
    });
    const place: Place = {
      worker,
      session,
      standing: { kind: 'asked' },
      seal: undefined,
      text: '',
      tokens: [],
      usage: undefined,
    };
    places.push(place);
    if (haltedAt !== undefined) session.halt(haltedAt);
    reached('worker-asked', place);
    return true;
  };

  const count = (...kinds: readonly Standing['kind'][]): number =>
    places.filter(({ standing }) => kinds.includes(standing.kind)).length;

  /** E-17: an entry names three workers at least, whatever has become of the first. */
  const askOthers = (): void => {
    headStart();
    while (places.length < REPLICAS && askNext());
  };

  /** Lets the others begin after so many milliseconds. */
  const giveHeadStart = (ms: number): void => {
    headStart();
    headStart = clock.alarm(ms, () => letters.put({ place: undefined, event: 'head-start-over' }));
  };

  const noteAnswer = ({ worker }: Place): void => {
    isHeard = true;
    patience.answered(worker.participant);
  };

  const drop = (place: Place, cause: TimeoutCause): void => {
    place.session.cancel();
    place.standing = { kind: 'fallen', cause };
    reached('worker-fallen', place, cause);
  };

  const dropAsked = (): void => {
    for (const place of places) if (place.standing.kind === 'asked') drop(place, 'no-acceptance');
  };

  const dropUnsealed = (): void => {
    for (const place of places) if (place.standing.kind === 'accepted') drop(place, 'no-seal');
    dropAsked();
  };

  /** How many workers are to be at work: once nobody reads, no more than have to agree. */
  const wantedReplicas = (): number => (haltedAt === undefined ? REPLICAS : QUORUM);

  /** W-22: halts a stream that nobody reads any more, or that takes too long. False if there is nothing to halt, or it is too late. */
  const haltStream = (): boolean => {
    if (haltedAt !== undefined) return true;
    if (!isStream || isExchanged) return false;
    const working = places.filter(({ standing }) => ['asked', 'accepted', 'sealed'].includes(standing.kind));
    const sent = places.filter((place) => place === givenBy || working.includes(place)).map(({ tokens }) => tokens);
    const outputTokens = haltPoint(sent, { taken: reader.taken, mostAhead: reader.mostAhead });
    if (outputTokens === 0) return false;
    haltedAt = outputTokens;
    silence?.();
    silence = undefined;
    for (const place of working) {
      place.session.halt(outputTokens);
      // The seal of what is no longer wanted counts no more.
      if (place.standing.kind === 'sealed') place.standing = { kind: 'accepted' };
      place.seal = undefined;
    }
    if (count('accepted') >= QUORUM) dropAsked();
    return true;
  };

  /** Where two have sealed the whole answer there is nothing to gain. */
  const haltIfEnough = (): void => {
    if (isEnough && count('sealed') < QUORUM) haltStream();
  };

  /** When two have sealed, the others have as long again as they took. */
  const noteSeal = (place: Place, seal: ArrivedSeal): void => {
    place.standing = { kind: 'sealed' };
    place.seal = seal;
    reached('worker-sealed', place);
    if (count('sealed') !== QUORUM || silence !== undefined) return;
    silence = fairAlarm(clock, clock.nowMs() - began + limits.stragglerMs, () =>
      letters.put({ place: undefined, event: 'stragglers' }),
    );
  };

  /** What may be shown now: what the earliest drawn worker says that continues what the client has already seen. */
  const newText = (): string => {
    // What two agree on is said at the end.
    if (haltedAt !== undefined) return '';
    const ahead = places.find(
      ({ standing, text }) =>
        standing.kind !== 'fallen' &&
        standing.kind !== 'refused' &&
        text.length > given.length &&
        text.startsWith(given),
    );
    const text = ahead?.text.slice(given.length) ?? '';
    given += text;
    if (ahead !== undefined) {
      givenUsage = ahead.usage;
      givenBy = ahead;
    }
    return text;
  };

  /** What has changed since it was told last: text, and how far the workers have come. */
  function* news(): Generator<DispatchProgress> {
    const text = newText();
    if (text !== '') yield { kind: 'text', text, outputTokens: givenUsage?.value.outputTokens ?? 0, usage: givenUsage };
    if (options.wantsProgress !== true) return;
    const workers = places.map(({ worker, standing }) => ({ worker: worker.participant, step: stepOf(standing) }));
    const steps = workers.map(({ step }) => step).join();
    if (steps === told) return;
    told = steps;
    yield { kind: 'workers', workers };
  }

  const onEvent = (place: Place, event: SessionEvent): void => {
    switch (event.kind) {
      case 'accepted':
        place.standing = { kind: 'accepted' };
        noteAnswer(place);
        if (isStream) silenceAccepted ??= clock.alarm(limits.sealMs * HALT_PART, sayEnough);
        reached('worker-accepted', place);
        break;
      case 'refused':
        place.standing = event;
        noteAnswer(place);
        reached('worker-refused', place, event.refusal.value.reason);
        if (wanted && count('asked', 'accepted', 'sealed', 'revealed') < wantedReplicas()) askNext();
        break;
      case 'chunk':
        place.text += event.text;
        place.tokens = event.tokens;
        place.usage = event.usage;
        haltIfEnough();
        break;
      case 'sealed':
        // One that crossed the halt counts no more.
        if (haltedAt === undefined) noteSeal(place, event.seal);
        break;
      case 'halted':
        noteSeal(place, event.seal);
        break;
      case 'revealed':
        place.standing = event;
        reached('worker-revealed', place);
        break;
      case 'fallen': {
        const replicas = place.standing.kind === 'asked' ? wantedReplicas() : QUORUM;
        if (place.standing.kind === 'asked') silent.push(place);
        place.standing = { kind: 'fallen', cause: event.cause };
        reached('worker-fallen', place, event.cause);
        if (wanted && count('asked', 'accepted', 'sealed', 'revealed') < replicas) askNext();
        break;
      }
    }
  };

  const onLetter = (letter: Letter): void => {
    if (letter.place !== undefined) {
      // The first words go out before the others are dealt with.
      if (letter.event.kind === 'chunk' && places.length < REPLICAS) giveHeadStart(0);
      else if (letter.event.kind !== 'accepted') askOthers();
      const place = places[letter.place];
      // What a dropped session still says comes too late.
      if (place !== undefined && place.standing.kind !== 'fallen') onEvent(place, letter.event);
      return;
    }
    askOthers();
    if (letter.event === 'head-start-over') return;
    if (letter.event === 'enough') {
      isEnough = true;
      haltIfEnough();
      return;
    }
    if (letter.event === 'aborted') {
      if (haltStream()) return;
      wanted = false;
      if (count('sealed', 'revealed') > 0) return;
    } else {
      // Rung before a halt, whose seals are yet to come.
      if (count('sealed') < QUORUM) return;
      // While others did the whole work these did not even say that they would.
      silent.push(...places.filter(({ standing }) => standing.kind === 'asked'));
    }
    dropUnsealed();
  };

  const onAbort = (): void => letters.put({ place: undefined, event: 'aborted' });
  try {
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    if (isStream) {
      if (reader.haltAtMs !== undefined)
        silenceTime = clock.alarm(Math.max(1, reader.haltAtMs - clock.nowMs()), sayEnough);
      reader.behind.addEventListener('abort', sayEnough, { once: true });
    }
    askNext();
    if (isStream) {
      giveHeadStart(HEAD_START_MS);
    } else askOthers();
    yield* news();
    for (;;) {
      while (count('asked', 'accepted') > 0) {
        onLetter(await letters.take());
        yield* news();
      }
      silence?.();
      silence = () => {};
      // A seal is shown only to those who have sealed, and nobody reveals to nobody.
      if (places.filter(({ seal }) => seal !== undefined).length >= QUORUM) {
        const seals = places.flatMap(({ seal }) => (seal === undefined ? [] : [seal.seal]));
        for (const place of places) if (place.standing.kind === 'sealed') place.session.exchange(seals);
        isExchanged = true;
        parts.onStage?.('exchanged', { requestId });
        while (count('sealed') > 0) {
          onLetter(await letters.take());
          yield* news();
        }
      }
      const decision = decideQuorum(answers(places));
      if (decision.kind === 'agreed' || count('asked', 'accepted') === 0) {
        if (decision.kind === 'agreed' || !wanted || !askNext()) {
          for (const place of places) if (place.standing.kind === 'sealed') drop(place, 'no-partner');
          dropUnsealed();
          yield {
            kind: 'end',
            end: { decision, places: places.map(({ worker, standing, seal }) => ({ worker, standing, seal })) },
          };
          return;
        }
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    reader.behind.removeEventListener('abort', sayEnough);
    headStart();
    silence?.();
    silenceTime?.();
    silenceAccepted?.();
    // A gateway that hears nobody is itself cut off, or has too much to do.
    if (isHeard) for (const { worker } of silent) patience.silent(worker.participant);
    for (const place of places) place.session.cancel();
    await Promise.all(places.map(({ session }) => session.ended));
  }
}

function stepOf({ kind }: Standing): WorkerStep {
  return kind === 'fallen' ? 'timed-out' : kind;
}

function answers(places: readonly Place[]) {
  return places.flatMap(({ standing }) => (standing.kind === 'revealed' ? [answerOf(standing.revealed)] : []));
}

/** E-01: what an entry holds of a run; `signTimeout` signs the gateway's record of who fell out. */
export function evidenceOf(
  places: readonly DispatchPlace[],
  signTimeout: (timeout: { readonly worker: Uint8Array; readonly cause: TimeoutCause }) => Evidence['timeouts'][number],
): Evidence {
  return {
    seals: places.flatMap(({ seal }) => (seal === undefined ? [] : [seal])),
    receipts: places.flatMap(({ standing }) => (standing.kind === 'revealed' ? [standing.revealed] : [])),
    refusals: places.flatMap(({ standing }) => (standing.kind === 'refused' ? [standing.refusal] : [])),
    timeouts: places.flatMap(({ worker, standing }) =>
      standing.kind === 'fallen' ? [signTimeout({ worker: worker.participant, cause: standing.cause })] : [],
    ),
  };
}
