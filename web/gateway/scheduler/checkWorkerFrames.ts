import {
  checkRecord,
  equalBytes,
  extendUsageChain,
  type FinishReason,
  type Hash,
  type HeaderCodec,
  MAX_ANSWER_TEXT_BYTES,
  outputHashOf,
  type Refusal,
  type RevealedReceipt,
  receiptBodyHash,
  receiptRecord,
  refusalRecord,
  type Seal,
  type Signed,
  sealRecord,
  sealsHashOf,
  sealValueOf,
  type Usage,
  usageRecord,
  type WorkerFrame,
} from '@karmesh/sdk/protocol';
import type { DispatchContext, Signatory } from './dispatchContext.ts';

type FrameOf<K extends WorkerFrame['type']> = Extract<WorkerFrame, { type: K }>;

function signedFor<T extends { readonly dispatchHash: Hash; readonly worker: Uint8Array }>(
  record: HeaderCodec<T>,
  context: DispatchContext,
  statement: { readonly signed: Signed<T>; readonly worker: Signatory },
): boolean {
  const { signed, worker } = statement;
  const { domain, verify } = context;
  return (
    equalBytes(signed.value.dispatchHash, context.dispatchHash) &&
    equalBytes(signed.value.worker, worker.participant) &&
    checkRecord(record, { domain, verify, identity: worker.identity }, signed)
  );
}

/** E-16, E-18: the refusal is this worker's and about this dispatch. */
export function checkRefusal(
  context: DispatchContext,
  statement: { readonly signed: Signed<Refusal>; readonly worker: Signatory },
): boolean {
  return signedFor(refusalRecord, context, statement);
}

/** E-16, E-18: the seal is this worker's and about this dispatch. */
export function checkSeal(
  context: DispatchContext,
  statement: { readonly signed: Signed<Seal>; readonly worker: Signatory },
): boolean {
  return signedFor(sealRecord, context, statement);
}

/** Where a stream stands: what its worker has signed so far. */
export type StreamPosition = {
  readonly chain: Hash;
  readonly tokens: readonly number[];
  readonly sequence: number;
  /** Bytes of the text that it has said. */
  readonly textBytes: number;
  /** As the first chunk has it; undefined before that. */
  readonly promptTokens: number | undefined;
};

export function streamStart(context: DispatchContext): StreamPosition {
  return { chain: context.ticket.value.requestId, tokens: [], sequence: 0, textBytes: 0, promptTokens: undefined };
}

/**
 * F-16, F-23: the position after a chunk, or undefined unless the worker signed exactly these tokens after the earlier ones, and a prompt
 * as long as before, which is no longer than the ticket was priced for. There is no more text than it could reveal (W-02).
 */
export function checkChunk(
  context: DispatchContext,
  chunk: { readonly frame: FrameOf<'chunk'>; readonly worker: Signatory; readonly position: StreamPosition },
): StreamPosition | undefined {
  const { frame, position } = chunk;
  const usage: Usage = frame.usage.value;
  const chain = extendUsageChain(context.domain, position.chain, frame.tokens);
  const tokens = [...position.tokens, ...frame.tokens];
  const textBytes = position.textBytes + Buffer.byteLength(frame.text);
  const holds =
    frame.tokens.length > 0 &&
    textBytes <= MAX_ANSWER_TEXT_BYTES &&
    usage.sequence === position.sequence &&
    usage.outputTokens === tokens.length &&
    usage.promptTokens === (position.promptTokens ?? usage.promptTokens) &&
    usage.promptTokens <= context.promptTokensAtMost &&
    tokens.length <= context.request.maxTokens &&
    equalBytes(usage.outputChain, chain) &&
    signedFor(usageRecord, context, { signed: frame.usage, worker: chunk.worker });
  return holds
    ? { chain, tokens, sequence: position.sequence + 1, textBytes, promptTokens: usage.promptTokens }
    : undefined;
}

/** E-18 to E-21 for one reveal: it is signed, repeats what was sealed, came after this exchange, and its tokens are those it is paid for. */
export function checkReveal(
  context: DispatchContext,
  reveal: {
    readonly frame: FrameOf<'reveal'>;
    readonly worker: Signatory;
    readonly seal: Seal;
    readonly arrivedAtMs: bigint;
    readonly exchanged: readonly Seal[];
    readonly streamed: StreamPosition;
    /** W-22: where the worker was told to halt. */
    readonly haltedAt: number | undefined;
  },
): boolean {
  const { frame, worker, seal } = reveal;
  const { receipt, body }: RevealedReceipt = frame.revealed;
  const { value } = receipt;
  const dispatch = context.dispatch.value;
  const elapsed = reveal.arrivedAtMs - dispatch.dispatchedAtMs;
  return (
    signedFor(receiptRecord, context, { signed: receipt, worker }) &&
    value.epoch === context.epoch &&
    equalBytes(receiptBodyHash(body), value.bodyHash) &&
    equalBytes(body.requestId, context.ticket.value.requestId) &&
    equalBytes(body.modelId, dispatch.modelId) &&
    equalBytes(body.engineClass, dispatch.engineClass) &&
    body.receivedAtMs <= body.firstTokenAtMs &&
    body.firstTokenAtMs <= body.finishedAtMs &&
    body.finishedAtMs - body.receivedAtMs <= elapsed + context.clockToleranceMs &&
    equalBytes(
      seal.seal,
      sealValueOf(context.domain, {
        requestId: body.requestId,
        worker: value.worker,
        outputHash: value.outputHash,
        traceRoot: body.traceRoot,
        salt: body.salt,
      }),
    ) &&
    equalBytes(body.sealsHash, sealsHashOf(reveal.exchanged)) &&
    value.outputTokens === frame.tokens.length &&
    value.outputTokens <= context.request.maxTokens &&
    equalBytes(
      value.outputHash,
      outputHashOf(context.domain, {
        promptTokens: value.promptTokens,
        finishReason: body.finishReason,
        tokens: frame.tokens,
      }),
    ) &&
    endsWhereTold({ tokens: frame.tokens, finishReason: body.finishReason }, reveal.haltedAt) &&
    isWhatWasStreamed(frame.tokens, reveal)
  );
}

/** W-22: an answer is halted only where the gateway said so, and one that ended by itself is no longer than that. */
function endsWhereTold(
  answer: { readonly tokens: readonly number[]; readonly finishReason: FinishReason },
  haltedAt: number | undefined,
): boolean {
  if (answer.finishReason === 'halted') return answer.tokens.length === haltedAt;
  return haltedAt === undefined || answer.tokens.length <= haltedAt;
}

/** A worker that streamed reveals what it streamed; of one that was halted, as far as both go. */
function isWhatWasStreamed(
  tokens: readonly number[],
  { streamed, haltedAt }: { readonly streamed: StreamPosition; readonly haltedAt: number | undefined },
): boolean {
  if (haltedAt === undefined) return streamed.sequence === 0 || sameTokens(tokens, streamed.tokens);
  const common = Math.min(haltedAt, streamed.tokens.length);
  return sameTokens(tokens.slice(0, common), streamed.tokens.slice(0, common));
}

function sameTokens(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((token, index) => token === b[index]);
}
