import { KarmeshError } from '../errors.ts';
import {
  byteString,
  type Codec,
  type Decoded,
  decode,
  encode,
  fixedBytes,
  oneOf,
  type Sink,
  type Source,
  struct,
  u8,
  u32,
  u64,
  vector,
} from './codec.ts';
import { entryCodec } from './entry.ts';
import { hashCodec } from './hash.ts';
import { participantCodec } from './ids.ts';
import { sumPathCodec } from './merkle.ts';
import { SEAL_SALT_BYTES, tokensCodec } from './output.ts';
import { verdictRecord } from './records.ts';
import { inferenceRequestCodec } from './request.ts';
import { signedCodec } from './signature.ts';

/** U-10: the protocol between a drawn auditor and the worker whose receipt is audited, one stream per audit. The auditor's identity is the stream's. */
export const AUDIT_PROTOCOL = '/karmesh/audit/1';

/** U-10: bytes of one frame at most. */
export const MAX_AUDIT_FRAME_BYTES = 16 << 20;

/** U-11: why a worker does not open an answer to whoever asks. */
export const AUDIT_REFUSALS = ['not-drawn', 'unknown-receipt', 'unknown-epoch', 'busy', 'proving'] as const;

/** Z-47: bytes of an answer to a challenge, at most: room is left for a request and its tokens. */
export const MAX_CHALLENGE_BYTES = 15 << 20;

const frames = {
  /**
   * U-11: shows that the answer was drawn: the entry, the epoch whose beacon draws it, and its path either to that epoch's
   * receiptSetRoot (`set`) or, for a carried one, to the carriedRoot of the last report before (`carried`, `treeEpoch`), with the
   * epoch whose beacon drew it first. A second auditor shows the first one's failing verdict.
   */
  ask: struct({
    epoch: u64,
    validator: participantCodec,
    attempt: u8,
    source: oneOf(['set', 'carried']),
    treeEpoch: u64,
    drawnEpoch: u64,
    drawnBeacon: hashCodec,
    index: u32,
    count: u32,
    setPath: sumPathCodec(1),
    carriedPath: sumPathCodec(0),
    entry: entryCodec,
    verdicts: vector(signedCodec(verdictRecord), 1),
  }),
  /** U-12: the canonical request with its blinding, the output tokens, and the answer to the challenge of a `proof` request (Z-47), else nothing. */
  open: struct({
    request: inferenceRequestCodec,
    tokens: tokensCodec,
    salt: fixedBytes(SEAL_SALT_BYTES),
    receiptHash: hashCodec,
    challenge: byteString(MAX_CHALLENGE_BYTES),
  }),
  refuse: struct({ reason: oneOf(AUDIT_REFUSALS) }),
} as const;

const FRAME_TYPES = ['ask', 'open', 'refuse'] as const;
type FrameOf<K extends keyof typeof frames> = { readonly type: K } & Decoded<(typeof frames)[K]>;
export type AuditFrame = { [K in keyof typeof frames]: FrameOf<K> }[keyof typeof frames];
export type AuditAsk = FrameOf<'ask'>;
export type AuditOpen = FrameOf<'open'>;

const auditFrameCodec: Codec<AuditFrame> = {
  size: undefined,
  write(frame: AuditFrame, sink: Sink) {
    u8.write(FRAME_TYPES.indexOf(frame.type) + 1, sink);
    (frames[frame.type] as Codec<never>).write(frame as never, sink);
  },
  read(source: Source): AuditFrame {
    const type = FRAME_TYPES[source.u8() - 1];
    if (type === undefined) throw new KarmeshError('CODEC', 'A frame has an unknown type.');
    return { type, ...frames[type].read(source) } as AuditFrame;
  },
};

export function encodeAuditFrame(frame: AuditFrame): Uint8Array {
  return encode(auditFrameCodec, frame);
}

/** Throws `CODEC` on anything but one whole frame. */
export function decodeAuditFrame(bytes: Uint8Array): AuditFrame {
  return decode(auditFrameCodec, bytes);
}
