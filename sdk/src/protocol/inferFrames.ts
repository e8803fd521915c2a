import { KarmeshError } from '../errors.ts';
import { MAX_DRAWN } from './assignment.ts';
import {
  type Codec,
  type Decoded,
  decode,
  encode,
  oneOf,
  type Sink,
  type Source,
  struct,
  text,
  u8,
  u32,
  vector,
} from './codec.ts';
import { revealedReceiptCodec } from './entry.ts';
import { tokensCodec } from './output.ts';
import { dispatchRecord, refusalRecord, sealRecord, ticketRecord, usageRecord } from './records.ts';
import { inferenceRequestCodec } from './request.ts';
import { signedCodec } from './signature.ts';

/** W-01: the protocol between a gateway and a worker, one stream per dispatch. */
export const INFER_PROTOCOL = '/karmesh/infer/3';

/** W-02: bytes of one frame at most: a request with its messages is the largest. */
export const MAX_INFER_FRAME_BYTES = 4 << 20;

/** W-03: why a worker that accepted gives up: its engine failed, or it is going down. Nothing is owed. */
export const FAILURE_CAUSES = ['engine-failed', 'shutting-down', 'too-slow', 'protocol-violation'] as const;

/** W-02: an answer's text, in bytes of UTF-8: in a reveal, and in all chunks of a stream together. */
export const MAX_ANSWER_TEXT_BYTES = 1 << 20;
const answerText = text(MAX_ANSWER_TEXT_BYTES);

const frames = {
  // From the gateway.
  dispatch: struct({
    ticket: signedCodec(ticketRecord),
    dispatch: signedCodec(dispatchRecord),
    request: inferenceRequestCodec,
  }),
  seals: struct({ seals: vector(signedCodec(sealRecord), MAX_DRAWN) }),
  cancel: struct({}),
  // From the worker.
  accepted: struct({}),
  /** W-13: `retryAfterMs` says when a later dispatch may fare better, 0 that the worker does not know. It is a hint and no evidence. */
  refused: struct({ refusal: signedCodec(refusalRecord), retryAfterMs: u32 }),
  chunk: struct({ tokens: tokensCodec, text: answerText, usage: signedCodec(usageRecord) }),
  sealed: struct({ seal: signedCodec(sealRecord) }),
  reveal: struct({ revealed: revealedReceiptCodec, tokens: tokensCodec, text: answerText }),
  failed: struct({ cause: oneOf(FAILURE_CAUSES) }),
  /** W-22, from the gateway: nobody reads on; the answer is to end at so many tokens. */
  halt: struct({ outputTokens: u32 }),
  /** W-22, from the worker: the seal of the answer that it has by then, which stands in place of every other of its seals. */
  halted: struct({ seal: signedCodec(sealRecord) }),
} as const;

/** W-04: the first byte of a frame. */
const FRAME_TYPES = [
  'dispatch',
  'seals',
  'cancel',
  'accepted',
  'refused',
  'chunk',
  'sealed',
  'reveal',
  'failed',
  'halt',
  'halted',
] as const;

type FrameOf<K extends keyof typeof frames> = { readonly type: K } & Decoded<(typeof frames)[K]>;
export type InferFrame = { [K in keyof typeof frames]: FrameOf<K> }[keyof typeof frames];
/** What a gateway sends. */
export type GatewayFrame = Extract<InferFrame, { type: 'dispatch' | 'seals' | 'cancel' | 'halt' }>;
/** What a worker sends. */
export type WorkerFrame = Exclude<InferFrame, GatewayFrame>;

const inferFrameCodec: Codec<InferFrame> = {
  size: undefined,
  write(frame: InferFrame, sink: Sink) {
    u8.write(FRAME_TYPES.indexOf(frame.type) + 1, sink);
    const codec: Codec<never> = frames[frame.type] as Codec<never>;
    codec.write(frame as never, sink);
  },
  read(source: Source): InferFrame {
    const type = FRAME_TYPES[source.u8() - 1];
    if (type === undefined) throw new KarmeshError('CODEC', 'A frame has an unknown type.');
    return { type, ...frames[type].read(source) } as InferFrame;
  },
};

export function encodeInferFrame(frame: InferFrame): Uint8Array {
  return encode(inferFrameCodec, frame);
}

/** Throws `CODEC` on anything but one whole frame. */
export function decodeInferFrame(bytes: Uint8Array): InferFrame {
  return decode(inferFrameCodec, bytes);
}
