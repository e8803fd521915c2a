import {
  AUDIT_RULES,
  type AuditOpen,
  type AuditThresholds,
  type ChallengeVerdict,
  challengeAnswerHash,
  type Domain,
  equalBytes,
  type FinishReason,
  type Hash,
  hashOf,
  type InferenceRequest,
  judgeMeasurements,
  type Measurements,
  type ModelId,
  measurementsCodec,
  NO_ALLOWANCE,
  type OffchainParameters,
  outputHashOf,
  type RequestId,
  requestIdOf,
  thresholdsAt,
  type Verdict,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import type { DrawnAudit } from '../epoch/drawnAudits.ts';

/** Runs claimed answers through the model that was paid for. */
export interface Replayer {
  /** Undefined for a model that this validator does not have. */
  model(modelId: ModelId): { readonly activeParameters: bigint } | undefined;
  /** Throws `MODEL_UNKNOWN`, `CONTEXT_OVERFLOW`, `ENGINE_FAILED`, `ABORTED`. */
  replay(
    answer: {
      readonly requestId: RequestId;
      readonly request: InferenceRequest;
      readonly tokens: readonly number[];
      readonly finishReason: FinishReason;
    },
    options: { readonly signal: AbortSignal },
  ): Promise<{
    readonly promptTokens: number;
    readonly measurements: Measurements;
    readonly end: 'right' | 'wrong';
    /** What an honest run commits to, if runs of the model's engine are the same everywhere to the last bit. */
    readonly traceRoot?: Hash;
  }>;
  /** The tokens of a request's prompt. Throws `MODEL_UNKNOWN`, `ENGINE_FAILED`, `ABORTED`. */
  prompt(request: InferenceRequest, options: { readonly signal: AbortSignal }): Promise<readonly number[]>;
}

/** What an audit found: a verdict with its rule (U-03), and the hash of what was measured, zero if nothing was; of a challenge that held, that of its answer (Z-47). */
export type Judgement = Pick<Verdict, 'verdict' | 'rule' | 'measurementsHash'> & {
  readonly measurements: Measurements | undefined;
  /** What was proven of a challenged token. */
  readonly proven?: ChallengeVerdict & { readonly verdict: 'accept' };
};

function failed(rule: number, measurements?: Measurements): Judgement {
  const measurementsHash: Hash = measurements === undefined ? ZERO_HASH : hashOf(measurementsCodec, measurements);
  return { verdict: 'fail', rule, measurementsHash, measurements };
}

/** U-03: a worker that did not open its answer in time. */
export const NO_ANSWER: Judgement = failed(AUDIT_RULES.noAnswer);

/** U-05: the thresholds that every auditor judges by. */
export function auditThresholds(offchain: OffchainParameters): AuditThresholds {
  return {
    largestGapMicro: offchain.largestGapMicro,
    gapSumMicroPer1000: offchain.gapSumMicroPer1000,
    differingPer1000: Number(offchain.differingPer1000),
  };
}

/** U-03 to U-05: checks what a worker opened against what it had signed, replays it and judges the measurements. Undefined for an answer that would pass but for a challenge which cannot be judged here. */
export async function judgeAnswer(
  answer: {
    readonly domain: Domain;
    readonly audit: DrawnAudit;
    readonly opened: AuditOpen;
    readonly thresholds: AuditThresholds;
  },
  parts: {
    readonly replayer: Replayer;
    readonly signal: AbortSignal;
    /** For an answer whose worker has to prove a token. */
    readonly challenge?: ((opened: AuditOpen) => Promise<ChallengeVerdict | undefined>) | undefined;
  },
): Promise<Judgement | undefined> {
  const { domain, audit, opened } = answer;
  const { entry } = audit.checked;
  const { receipt, body } = audit.receipt;
  const { requestId } = entry.ticket.value;
  if (
    !equalBytes(requestIdOf(domain, opened.request), requestId) ||
    !equalBytes(opened.request.modelId, entry.dispatch.value.modelId) ||
    opened.request.assurance !== entry.dispatch.value.assurance
  ) {
    return failed(AUDIT_RULES.requestMismatch);
  }
  const { promptTokens, outputTokens, outputHash } = receipt.value;
  const { finishReason } = body;
  const { tokens } = opened;
  if (
    !equalBytes(outputHashOf(domain, { promptTokens, finishReason, tokens }), outputHash) ||
    tokens.length !== outputTokens
  ) {
    return failed(AUDIT_RULES.outputMismatch);
  }
  const challenged = await parts.challenge?.(opened);
  if (challenged?.verdict === 'reject') return failed(challenged.rule);
  const replayed = await parts.replayer.replay(
    { requestId, request: opened.request, tokens, finishReason },
    { signal: parts.signal },
  );
  const { measurements } = replayed;
  // A prompt that is longer on the receipt than in the model was billed and never run.
  if (replayed.promptTokens !== promptTokens) return failed(AUDIT_RULES.outputMismatch, measurements);
  if (replayed.end === 'wrong') return failed(AUDIT_RULES.wrongEnd, measurements);
  const { traceRoot } = replayed;
  const isExact = traceRoot !== undefined;
  const allowed = isExact ? NO_ALLOWANCE : thresholdsAt(answer.thresholds, opened.request.temperatureMicro);
  const rule = judgeMeasurements(measurements, allowed);
  if (rule !== undefined) return failed(rule, measurements);
  if (isExact && !equalBytes(traceRoot, body.traceRoot)) return failed(AUDIT_RULES.traceMismatch, measurements);
  // What was run holds; whether it is proven is for others to say.
  if (parts.challenge !== undefined && challenged === undefined) return undefined;
  const measurementsHash =
    challenged === undefined ? hashOf(measurementsCodec, measurements) : challengeAnswerHash(opened.challenge);
  const proven = challenged === undefined ? {} : { proven: challenged };
  return { verdict: 'pass', rule: 0, measurementsHash, measurements, ...proven };
}
