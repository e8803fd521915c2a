import { KarmeshError } from '@karmesh/sdk/errors';
import type { FrameStream } from '@karmesh/sdk/network';
import {
  AUDIT_PROTOCOL,
  type AUDIT_REFUSALS,
  type AuditAsk,
  type AuditOpen,
  decodeAuditFrame,
  encodeAuditFrame,
  type Identity,
  MAX_AUDIT_FRAME_BYTES,
} from '@karmesh/sdk/protocol';

export type OpenStream = (
  options: { readonly peer: Identity; readonly protocol: string; readonly maxFrameBytes: number },
  signalled: { readonly signal: AbortSignal },
) => Promise<FrameStream>;

/** `silent`: no whole answer came. Why is for the log. */
export type WorkerReply =
  | { readonly kind: 'open'; readonly opened: AuditOpen }
  | { readonly kind: 'refused'; readonly reason: (typeof AUDIT_REFUSALS)[number] }
  | { readonly kind: 'silent'; readonly cause: KarmeshError };

/** U-10: asks a worker for the request and the tokens of a drawn answer, over one stream. Throws `ABORTED` if the caller's signal says so. */
export async function askWorker(
  ask: AuditAsk,
  parts: {
    readonly worker: Identity;
    readonly openStream: OpenStream;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<WorkerReply> {
  const signal = AbortSignal.any([parts.signal, AbortSignal.timeout(parts.timeoutMs)]);
  try {
    await using stream = await parts.openStream(
      { peer: parts.worker, protocol: AUDIT_PROTOCOL, maxFrameBytes: MAX_AUDIT_FRAME_BYTES },
      { signal },
    );
    await stream.send(encodeAuditFrame(ask), { signal });
    const answer = await stream.receive({ signal });
    if (answer === undefined) {
      throw new KarmeshError('PROTOCOL_VIOLATION', 'The worker closed the stream without an answer.');
    }
    const frame = decodeAuditFrame(answer);
    await stream.close();
    if (frame.type === 'open') return { kind: 'open', opened: frame };
    if (frame.type === 'refuse') return { kind: 'refused', reason: frame.reason };
    throw new KarmeshError('PROTOCOL_VIOLATION', 'The worker answered an ask with an ask.');
  } catch (error) {
    if (parts.signal.aborted || !(error instanceof KarmeshError)) throw error;
    return { kind: 'silent', cause: error };
  }
}
