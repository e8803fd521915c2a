import type { Clock, SteadyClock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { FrameStream } from '@karmesh/sdk/network';
import {
  decodeInferFrame,
  encodeInferFrame,
  equalBytes,
  type GatewayFrame,
  type Hash,
  type InferFrame,
  outputHashOf,
  type Participant,
  type Receipt,
  type ReceiptBody,
  type RefusalReason,
  receiptBodyHash,
  receiptRecord,
  refusalRecord,
  SEAL_SALT_BYTES,
  type Seal,
  type Signed,
  sealRecord,
  sealsHashOf,
  sealValueOf,
  signRecord,
} from '@karmesh/sdk/protocol';
import type { Signer } from '@karmesh/sdk/signer';
import type { Engine, GenerateResult } from '../engines/engine.ts';
import { type CheckedDispatch, checkDispatch, type DispatchFrame, type Offer } from './checkDispatch.ts';
import { checkSeals } from './checkSeals.ts';
import { chunkSender } from './chunkSender.ts';
import { deadline } from './deadline.ts';
import { type Halting, halting } from './halting.ts';
import type { Lanes, Place } from './lanes.ts';
import type { ProofPlaces } from './proofPlaces.ts';
import type { RunMeter } from './runMeter.ts';
import type { SeenNumbers } from './seenNumbers.ts';
import type { AuditStore, ReceiptLog } from './stores.ts';
import type { WorkerChain } from './workerChain.ts';

/** How long a session waits, in milliseconds. */
export interface SessionLimits {
  /** For the dispatch, once the stream is open. */
  readonly dispatchMs: number;
  /** For the engine, its queue included. */
  readonly runMs: number;
  /** For the seals of the others, after its own. */
  readonly sealsMs: number;
}

/** Why no new work is taken for now: when it may be again, in milliseconds, 0 if that is not known. */
export interface Pause {
  readonly retryAfterMs: number;
}

/** How a session ended, for logs and metrics. Nothing of a prompt or an answer. */
export type SessionOutcome =
  | { readonly kind: 'revealed'; readonly requestId: Hash; readonly result: GenerateResult }
  | { readonly kind: 'refused'; readonly rule: string; readonly reason: RefusalReason }
  | { readonly kind: 'violation'; readonly rule: string }
  | { readonly kind: 'cancelled' }
  /** No dispatch came: the gateway had opened the stream ahead of its need. */
  | { readonly kind: 'unused' }
  | {
      readonly kind: 'failed';
      readonly cause: 'engine-failed' | 'store-failed' | 'shutting-down' | 'too-slow';
      readonly error: unknown;
    };

/**
 * Points of a dispatch that a worker reaches, in this order. `recorded`: receipt and audit record are on disk, and nothing of them has left;
 * `over`: the stream has ended, whatever was reached before.
 */
export type WorkerStage = 'asked' | 'accepted' | 'first-token' | 'sealed' | 'recorded' | 'revealed' | 'over';

/** Which dispatch it is, and at its end why it brought nothing. The request is the gateway's word until the dispatch is accepted. */
export interface WorkerStageAbout {
  readonly requestId: Hash;
  readonly worker: Participant;
  readonly cause?: string;
}

export interface SessionParts {
  readonly engine: Engine;
  readonly offer: Offer;
  readonly signer: Signer;
  readonly chain: WorkerChain;
  readonly receipts: ReceiptLog;
  readonly audits: AuditStore;
  readonly lanes: Lanes;
  readonly pace: Pick<RunMeter, 'meanRunMs'>;
  readonly pause?: () => Pause | undefined;
  readonly isGranted?: (gateway: Uint8Array) => boolean;
  readonly seen: SeenNumbers;
  /** For engines that can prove, answers of so many positions, once it is open; without it `proof` is refused. */
  readonly proofs?: (ProofPlaces & { readonly positions: number; readonly isOpen: () => boolean }) | undefined;
  readonly clock: Clock;
  /** W-23: how long ago something was sent does not change with the machine's clock. */
  readonly steady: SteadyClock;
  /** So many random bytes. */
  readonly random: (length: number) => Uint8Array;
  readonly onStage?: (stage: WorkerStage, about: WorkerStageAbout) => void;
  /** Aborted when the worker takes no more work. */
  readonly draining: AbortSignal;
  /** Aborted when the worker goes down now. */
  readonly stopping: AbortSignal;
}

/** The gateway asked to stop, or is gone: nobody's fault and nothing is owed. */
class Cancelled extends Error {}
/** The peer broke the protocol by the named rule. */
class Violation extends Error {
  readonly rule: string;
  constructor(rule: string) {
    super(`The gateway broke ${rule}.`);
    this.rule = rule;
  }
}

/**
 * W-03: one dispatch over one stream of `/karmesh/infer/3`: check, accept or refuse, run, seal, wait for the others' seals, log,
 * reveal. Throws only what is our own fault; what the gateway does is an outcome.
 */
export const inferSession =
  (limits: SessionLimits) =>
  async (parts: SessionParts, stream: FrameStream): Promise<SessionOutcome> => {
    let about: WorkerStageAbout | undefined;
    let outcome: SessionOutcome | undefined;
    try {
      outcome = await converse({ limits, parts, stream }, (asked) => {
        about = asked;
      });
      return outcome;
    } finally {
      if (about !== undefined) parts.onStage?.('over', { ...about, cause: causeOf(outcome) });
    }
  };

/** Why a dispatch brought no answer, in a word. */
function causeOf(outcome: SessionOutcome | undefined): string {
  if (outcome === undefined) return 'own-fault';
  if (outcome.kind === 'refused') return outcome.reason;
  return outcome.kind === 'failed' ? outcome.cause : outcome.kind;
}

async function converse(
  {
    limits,
    parts,
    stream,
  }: { readonly limits: SessionLimits; readonly parts: SessionParts; readonly stream: FrameStream },
  onAsked: (about: WorkerStageAbout) => void,
): Promise<SessionOutcome> {
  const gone = new AbortController();
  const over = AbortSignal.any([stream.signal, gone.signal]);
  const send = (frame: InferFrame): Promise<void> => stream.send(encodeInferFrame(frame), { signal: over });
  const halt = halting({ clock: parts.steady });
  const inbox = readFrames(stream, { signal: over, halt, onEnd: (reason) => gone.abort(reason) });
  let about: WorkerStageAbout | undefined;
  try {
    const frame = await within(parts.clock, { ms: limits.dispatchMs, parent: over }, () => inbox.next('dispatch'));
    about = { requestId: frame.ticket.value.requestId, worker: parts.chain.participant };
    onAsked(about);
    parts.onStage?.('asked', about);
    const receivedAtMs = BigInt(parts.clock.nowMs());
    const judged = await admit(parts, { frame, signal: over });
    if (judged.verdict === 'violation') {
      await send({ type: 'failed', cause: 'protocol-violation' });
      return { kind: 'violation', rule: judged.rule };
    }
    if (judged.verdict === 'refuse') {
      const { dispatchHash, reason, rule, retryAfterMs = 0 } = judged;
      const refusal = signRecord(
        refusalRecord,
        { domain: parts.chain.domain, signer: parts.signer },
        { dispatchHash, worker: parts.chain.participant, reason, refusedAtMs: receivedAtMs },
      );
      await send({ type: 'refused', refusal, retryAfterMs: Math.min(Math.ceil(retryAfterMs), MAX_RETRY_MS) });
      return { kind: 'refused', rule, reason };
    }
    using place = judged.place;
    using unproven = new DisposableStack();
    unproven.use(judged.proof);
    const { assurance, maxTokens } = judged.checked.request;
    if (assurance === 'stream') halt.allow(maxTokens);
    await send({ type: 'accepted' });
    parts.onStage?.('accepted', about);
    const onRecorded = (): void => void unproven.move();
    const serving = {
      limits,
      checked: judged.checked,
      place,
      receivedAtMs,
      inbox,
      halt,
      over,
      stream,
      send,
      onRecorded,
    };
    return await serve(parts, serving);
  } catch (error) {
    const rule = brokenRule(gone.signal.reason) ?? brokenRule(error);
    if (rule !== undefined) {
      const failed = encodeInferFrame({ type: 'failed', cause: 'protocol-violation' });
      await stream.send(failed, { signal: stream.signal }).catch(() => undefined);
      return { kind: 'violation', rule };
    }
    // The gateway cancelled, closed or was lost; the stream's own error says no more than that.
    if (over.aborted || isPeerGone(error)) return { kind: about === undefined ? 'unused' : 'cancelled' };
    throw error;
  } finally {
    gone.abort(new Cancelled('over'));
  }
}

/** The rule that the peer broke, if that is why the session ends. */
function brokenRule(error: unknown): string | undefined {
  if (error instanceof Violation) return error.rule;
  return error instanceof KarmeshError && error.code === 'CODEC' ? 'W-04' : undefined;
}

function isPeerGone(error: unknown): boolean {
  return (
    error instanceof Cancelled ||
    (error instanceof KarmeshError && ['PEER_UNREACHABLE', 'ABORTED', 'WORKER_TIMEOUT'].includes(error.code))
  );
}

type Admission =
  | {
      readonly verdict: 'accept';
      readonly checked: CheckedDispatch;
      readonly place: Place;
      /** Given back unless an answer was recorded. */
      readonly proof: Disposable | undefined;
    }
  | (Extract<ReturnType<typeof checkDispatch>, { verdict: 'refuse' }> & Partial<Pause>)
  | Extract<ReturnType<typeof checkDispatch>, { verdict: 'violation' }>;

/** What a refusal's u32 holds of milliseconds, over a month. */
const MAX_RETRY_MS = 2 ** 32 - 1;
/** W-21: a place for a proof is free when a deadline has passed, which is no matter of moments. */
const PROOFS_FULL_MS = 60_000;
/** What a full worker says before it knows how long its answers take. */
const UNKNOWN_RUN_MS = 1_000;

/** W-13: when those that wait now, and one more, should have had their turn. */
function untilPlaceMs({ lanes, pace }: SessionParts): number {
  return ((pace.meanRunMs() ?? UNKNOWN_RUN_MS) * (lanes.waiting + 1)) / lanes.maxActive;
}

/** W-05 to W-13, W-18, W-19 and W-21. */
async function admit(
  parts: SessionParts,
  options: { readonly frame: DispatchFrame; readonly signal: AbortSignal },
): Promise<Admission> {
  const { chain, offer } = parts;
  const { frame } = options;
  // W-10: a gateway may be a slot ahead of what this worker has polled.
  if (chain.slotHash(frame.dispatch.value.slot) === undefined)
    await chain.refresh({ signal: options.signal }).catch(() => undefined);
  let judged = checkDispatch(chain, { frame, offer });
  // W-09: a deposit or a voucher may be younger than what this worker has polled.
  if (judged.verdict === 'refuse' && judged.rule === 'W-09') {
    await chain.refresh({ signal: options.signal }).catch(() => undefined);
    judged = checkDispatch(chain, { frame, offer });
  }
  if (judged.verdict !== 'accept') return judged;
  const { checked } = judged;
  const refuse = (rule: string, reason: RefusalReason, retryAfterMs = 0): Admission => ({
    verdict: 'refuse',
    rule,
    reason,
    dispatchHash: checked.dispatchHash,
    retryAfterMs,
  });
  if (parts.draining.aborted) return refuse('W-13', 'shutting-down');
  // W-19
  if (parts.isGranted?.(checked.ticket.value.gateway) === false) return refuse('W-19', 'no-access');
  // W-18
  const pause = parts.pause?.();
  if (pause !== undefined) return refuse('W-18', 'paused', pause.retryAfterMs);
  // W-08
  if (parts.receipts.hasDispatch(checked.dispatchHash)) return refuse('W-08', 'bad-ticket');
  // W-21
  const { assurance, maxTokens } = checked.request;
  const isProof = assurance === 'proof';
  if (isProof && parts.proofs?.isOpen() !== true) return refuse('W-21', 'no-proofs');
  const longest = Math.min(checked.promptTokens + maxTokens, offer.contextSize);
  if (isProof && longest > (parts.proofs?.positions ?? 0)) return refuse('W-21', 'context-overflow');
  using stack = new DisposableStack();
  // W-13
  const place = parts.lanes.reserve();
  if (place === undefined) return refuse('W-13', 'queue-full', untilPlaceMs(parts));
  stack.use(place);
  const { gateway, ticketNumber } = checked.ticket.value;
  const { dispatchNumber } = checked.dispatch.value;
  const proof = isProof ? parts.proofs?.reserve(checked.epoch) : undefined;
  if (isProof && proof === undefined) return refuse('W-21', 'queue-full', PROOFS_FULL_MS);
  stack.use(proof);
  if (!parts.seen.take({ gateway, epoch: checked.epoch, ticketNumber, dispatchNumber }))
    return refuse('W-08', 'bad-ticket');
  stack.move();
  return { verdict: 'accept', checked, place, proof };
}

interface Serving {
  readonly limits: SessionLimits;
  readonly checked: CheckedDispatch;
  readonly place: Place;
  readonly receivedAtMs: bigint;
  readonly inbox: Inbox;
  readonly halt: Halting;
  readonly over: AbortSignal;
  readonly stream: FrameStream;
  readonly send: (frame: InferFrame) => Promise<void>;
  /** From here on the answer may be anywhere. */
  readonly onRecorded: () => void;
}

async function serve(parts: SessionParts, serving: Serving): Promise<SessionOutcome> {
  const { checked, place, receivedAtMs, inbox, halt, over, send, limits } = serving;
  let ran: Ran;
  try {
    ran = await run(parts, serving);
    // W-22: the halt may have come when the engine was through.
    if (halt.at !== undefined) ran = await cutRun(parts, { serving, ran, at: halt.at });
  } catch (error) {
    return await giveUp(parts, { serving, error });
  }
  // The engine is free for the next request while this one waits for the other seals.
  place[Symbol.dispose]();
  const requestId = checked.ticket.value.requestId;
  const about: WorkerStageAbout = { requestId, worker: parts.chain.participant };
  const untilSeals = { ms: limits.sealsMs, parent: over };
  let sealed = sealUp(parts, { checked, result: ran.result });
  if (halt.at === undefined) {
    await send({ type: 'sealed', seal: sealed.seal });
    parts.onStage?.('sealed', about);
    await within(parts.clock, untilSeals, () => Promise.race([inbox.next('seals'), halt.told]));
    if (halt.at !== undefined) {
      try {
        ran = await cutRun(parts, { serving, ran, at: halt.at });
      } catch (error) {
        return await giveUp(parts, { serving, error });
      }
      sealed = sealUp(parts, { checked, result: ran.result });
      await send({ type: 'halted', seal: sealed.seal });
    }
  } else {
    await send({ type: 'halted', seal: sealed.seal });
    parts.onStage?.('sealed', about);
  }
  const { seals } = await within(parts.clock, untilSeals, () => inbox.next('seals'));
  // W-15
  if (
    !checkSeals(parts.chain, { dispatch: checked, own: sealRecord.hash(parts.chain.domain, sealed.seal.value), seals })
  )
    throw new Violation('W-15');
  let revealed: Awaited<ReturnType<typeof commitReceipt>>;
  try {
    revealed = await commitReceipt(parts, { checked, ran, ...sealed, seals, receivedAtMs });
  } catch (error) {
    // Without its records a receipt may not leave; for the gateway that is one failed worker more.
    await send({ type: 'failed', cause: 'engine-failed' });
    return { kind: 'failed', cause: 'store-failed', error };
  }
  serving.onRecorded();
  parts.onStage?.('recorded', about);
  const { result } = ran;
  const { outputTokens: tokens, text } = result;
  await send({ type: 'reveal', revealed, tokens, text });
  parts.onStage?.('revealed', about);
  return { kind: 'revealed', requestId, result };
}

/** An engine that failed or was stopped: a word to the gateway, unless it is gone. */
async function giveUp(
  parts: SessionParts,
  { serving, error }: { readonly serving: Serving; readonly error: unknown },
): Promise<SessionOutcome> {
  if (serving.over.aborted) throw error;
  const cause = parts.stopping.aborted
    ? 'shutting-down'
    : error instanceof KarmeshError && error.code === 'WORKER_TIMEOUT'
      ? 'too-slow'
      : 'engine-failed';
  await serving.send({ type: 'failed', cause });
  return { kind: 'failed', cause, error };
}

interface SealedAnswer {
  readonly seal: Signed<Seal>;
  readonly salt: Uint8Array;
  readonly outputHash: Hash;
}

/** F-15, F-22: an answer's signed seal, and what opens it. */
function sealUp(
  parts: SessionParts,
  { checked, result }: { readonly checked: CheckedDispatch; readonly result: GenerateResult },
): SealedAnswer {
  const { domain, participant: worker } = parts.chain;
  const { requestId } = checked.ticket.value;
  const salt = parts.random(SEAL_SALT_BYTES);
  const outputHash = outputHashOf(domain, { ...result, tokens: result.outputTokens });
  const seal = signRecord(
    sealRecord,
    { domain, signer: parts.signer },
    {
      dispatchHash: checked.dispatchHash,
      worker,
      seal: sealValueOf(domain, { requestId, worker, outputHash, traceRoot: result.traceRoot, salt }),
      sealedAtMs: BigInt(parts.clock.nowMs()),
    },
  );
  return { seal, salt, outputHash };
}

/** Ends what an engine does for a dispatch when the gateway is gone, the worker goes down, or it takes too long. */
function engineLimit(parts: SessionParts, { limits, over }: Serving): ReturnType<typeof deadline> {
  return deadline(parts.clock, {
    ms: limits.runMs,
    parent: AbortSignal.any([over, parts.stopping]),
    error: () => new KarmeshError('WORKER_TIMEOUT', 'The engine took too long.', { limitMs: limits.runMs }),
  });
}

/** An engine that was stopped says only that; why it was stopped is what counts. */
async function heeding<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error;
  }
}

/** W-22: what stands of a run that was halted. */
async function cutRun(
  parts: SessionParts,
  { serving, ran, at }: { readonly serving: Serving; readonly ran: Ran; readonly at: number },
): Promise<Ran> {
  using limit = engineLimit(parts, serving);
  const { signal } = limit;
  return { ...ran, result: await heeding(signal, () => ran.result.cutTo(at, { signal })) };
}

interface Ran {
  readonly result: GenerateResult;
  readonly firstTokenAtMs: bigint;
  readonly finishedAtMs: bigint;
}

/** Waits for its turn and runs the engine; in `stream` sends chunks as they come. */
async function run(parts: SessionParts, serving: Serving): Promise<Ran> {
  const { checked, place, halt, stream } = serving;
  const { request, dispatchHash, promptTokens } = checked;
  const requestId = checked.ticket.value.requestId;
  const { domain, participant: worker } = parts.chain;
  const [first] = checked.drawn;
  const isFirst = first !== undefined && equalBytes(first.participant, worker);
  using limit = engineLimit(parts, serving);
  const { signal } = limit;
  const chunks =
    request.assurance === 'stream'
      ? chunkSender({ domain, requestId, dispatchHash, worker, promptTokens, isFirst, signal })({
          signer: parts.signer,
          clock: parts.clock,
          stream,
          halt,
        })
      : undefined;
  let firstTokenAtMs: bigint | undefined;
  return await heeding(signal, async () => {
    await place.start(signal);
    const result = await parts.engine.generate(
      // what is to be proven is committed to under the request's blinding.
      { ...request, requestId, ...(request.assurance === 'proof' ? { hiddenBy: request.blinding } : {}) },
      {
        signal,
        halt,
        onTokens: (piece) => {
          if (firstTokenAtMs === undefined) parts.onStage?.('first-token', { requestId, worker });
          firstTokenAtMs ??= BigInt(parts.clock.nowMs());
          chunks?.push(piece);
        },
      },
    );
    const finishedAtMs = BigInt(parts.clock.nowMs());
    await chunks?.flush();
    return { result, firstTokenAtMs: firstTokenAtMs ?? finishedAtMs, finishedAtMs };
  });
}

/** W-16: the counter, then audit record and receipt on disk, then the signature: what is signed was recorded first. */
async function commitReceipt(
  parts: SessionParts,
  facts: {
    readonly checked: CheckedDispatch;
    readonly ran: Ran;
    readonly salt: Uint8Array;
    readonly outputHash: Hash;
    readonly seals: readonly Signed<Seal>[];
    readonly receivedAtMs: bigint;
  },
): Promise<{ readonly receipt: Signed<Receipt>; readonly body: ReceiptBody }> {
  const { checked, ran, salt, outputHash } = facts;
  const { result, firstTokenAtMs, finishedAtMs } = ran;
  const { domain, participant } = parts.chain;
  const { epoch, dispatchHash, request } = checked;
  const { modelId, engineClass } = checked.dispatch.value;
  const body: ReceiptBody = {
    requestId: checked.ticket.value.requestId,
    modelId,
    engineClass,
    traceRoot: result.traceRoot,
    salt,
    sealsHash: sealsHashOf(facts.seals.map(({ value }) => value)),
    finishReason: result.finishReason,
    receivedAtMs: facts.receivedAtMs,
    firstTokenAtMs,
    finishedAtMs,
  };
  const receipt: Receipt = {
    dispatchHash,
    worker: participant,
    epoch,
    counter: parts.receipts.takeCounter(epoch),
    promptTokens: result.promptTokens,
    outputTokens: result.outputTokens.length,
    outputHash,
    bodyHash: receiptBodyHash(body),
  };
  const receiptHash = receiptRecord.hash(domain, receipt);
  await Promise.all([
    parts.audits.put({ receiptHash, epoch, request, tokens: result.outputTokens, salt }),
    parts.receipts.record(receipt),
  ]);
  return { receipt: signRecord(receiptRecord, { domain, signer: parts.signer }, receipt), body };
}

async function readOne(stream: FrameStream, signal: AbortSignal): Promise<GatewayFrame | undefined> {
  const bytes = await stream.receive({ signal });
  if (bytes === undefined) return undefined;
  const frame = decodeInferFrame(bytes);
  if (frame.type === 'dispatch' || frame.type === 'seals' || frame.type === 'cancel' || frame.type === 'halt')
    return frame;
  throw new Violation('W-03');
}

/** Runs one wait under its limit. Throws `WORKER_TIMEOUT` or the parent's reason. */
async function within<T>(
  clock: Clock,
  options: { readonly ms: number; readonly parent: AbortSignal },
  wait: () => Promise<T>,
): Promise<T> {
  const error = (): Error =>
    new KarmeshError('WORKER_TIMEOUT', 'The gateway was silent for too long.', { limitMs: options.ms });
  using limit = deadline(clock, { ...options, error });
  const { signal } = limit;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([wait(), promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

type FrameOf<K extends GatewayFrame['type']> = Extract<GatewayFrame, { type: K }>;

interface Inbox {
  /** The next frame, which must be of this type. One call at a time. */
  next<K extends 'dispatch' | 'seals'>(type: K): Promise<FrameOf<K>>;
}

/** Reads the stream all the time, so that a halt, a cancel or a lost gateway reaches a running engine. A frame out of turn ends the session. */
function readFrames(
  stream: FrameStream,
  options: {
    readonly signal: AbortSignal;
    readonly halt: Halting;
    /** The session is over, for this reason. */
    readonly onEnd: (reason: Error) => void;
  },
): Inbox {
  const { signal, halt } = options;
  const expected = ['dispatch', 'seals'] as const;
  const slots = expected.map(() => Promise.withResolvers<GatewayFrame>());
  for (const { promise } of slots) promise.catch(() => undefined);
  /** The next frame but halts, which take effect at once. */
  const readOther = async (): Promise<GatewayFrame | undefined> => {
    for (;;) {
      const frame = await readOne(stream, signal);
      if (frame?.type !== 'halt') return frame;
      const rule = halt.take(frame.outputTokens);
      if (rule !== undefined) throw new Violation(rule);
    }
  };
  const read = async (): Promise<void> => {
    for (const slot of slots) {
      const frame = await readOther();
      if (frame === undefined || frame.type === 'cancel') {
        options.onEnd(new Cancelled('cancel'));
        return;
      }
      if (frame.type === 'seals') halt.forbid();
      slot.resolve(frame);
    }
    // A gateway that has said all may close its side and still read the reveal.
    if ((await readOther()) !== undefined) options.onEnd(new Cancelled('cancel'));
  };
  read().catch((error: unknown) => {
    for (const slot of slots) slot.reject(error);
    if (error instanceof Violation) options.onEnd(error);
  });
  return {
    async next(type) {
      const slot = slots[expected.indexOf(type)];
      const frame = await slot?.promise;
      if (frame?.type !== type) throw new Violation('W-03');
      return frame as FrameOf<typeof type>;
    },
  };
}
