import { KarmeshError } from '@karmesh/sdk/errors';
import { equalBytes, type FinishReason, QUORUM, type RefusalReason, type TimeoutCause } from '@karmesh/sdk/protocol';
import type { DispatchEnd } from './runDispatch.ts';

export type AgreedAnswer = {
  /** Undefined where the workers agree on the tokens, but no two of them on what these say. */
  readonly text: string | undefined;
  readonly tokens: readonly number[];
  readonly promptTokens: number;
  readonly finishReason: FinishReason;
};

/**
 * The answer that a quorum agreed on. Receipts cover tokens, and a gateway has no tokenizer to check their text with, so the text is
 * one that two of the agreeing workers gave.
 */
export function agreedAnswer(end: DispatchEnd): AgreedAnswer | undefined {
  const { decision } = end;
  if (decision.kind === 'none') return undefined;
  const agreeing = end.places.flatMap(({ standing }) =>
    standing.kind === 'revealed' &&
    decision.agreeing.some((worker) => equalBytes(worker, standing.revealed.receipt.value.worker))
      ? [standing]
      : [],
  );
  const [first] = agreeing;
  if (first === undefined) return undefined;
  const text = agreeing.find((one) => agreeing.filter((other) => other.text === one.text).length >= QUORUM)?.text;
  const { revealed, tokens } = first;
  return { text, tokens, promptTokens: revealed.receipt.value.promptTokens, finishReason: revealed.body.finishReason };
}

/** What a client is told when no answer came of a dispatch. */
export function failureOf(end: DispatchEnd): KarmeshError {
  const { decision, places } = end;
  const standings = places.map(({ standing }) => standing);
  const refusals = standings.flatMap((standing) =>
    standing.kind === 'refused' ? [standing.refusal.value.reason] : [],
  );
  const revealed = standings.filter(({ kind }) => kind === 'revealed').length;
  const facts = { asked: places.length, refused: refusals.length, revealed };
  if (decision.kind === 'agreed') {
    return new KarmeshError(
      'NO_QUORUM',
      'The workers agree on the tokens of the answer, but not on their text.',
      facts,
    );
  }
  if (revealed >= QUORUM) return new KarmeshError('NO_QUORUM', 'No two workers gave the same answer.', facts);
  // One worker may lie about a request; two that were drawn are believed.
  const isCommon = (wanted: RefusalReason): boolean => refusals.filter((reason) => reason === wanted).length >= QUORUM;
  if (isCommon('bad-request')) {
    return new KarmeshError('REQUEST_REFUSED', 'The model cannot take these messages as they are.', facts);
  }
  if (isCommon('context-overflow')) {
    return new KarmeshError(
      'CONTEXT_OVERFLOW',
      "The messages and the answer's limit do not fit the model's context.",
      facts,
    );
  }
  if (isCommon('no-proofs')) {
    return new KarmeshError(
      'NO_PROOFS',
      'The workers prove nothing of this model’s answers, or not before validators have admitted its keys.',
      facts,
    );
  }
  const retryAfterMs = retryAfterOf(end);
  const waited = retryAfterMs === undefined ? facts : { ...facts, retryAfterMs };
  const areAll = (...causes: readonly TimeoutCause[]): boolean =>
    standings.every(({ kind, ...rest }) => kind === 'refused' || ('cause' in rest && causes.includes(rest.cause)));
  // Who sealed alone did its part; the others had no room.
  if (refusals.includes('queue-full') && areAll('unreachable', 'no-partner')) {
    return new KarmeshError('QUEUE_FULL', 'The workers that were drawn are full. Try again in a moment.', waited);
  }
  if (areAll('unreachable'))
    return new KarmeshError('NO_WORKERS', 'No worker that was drawn could take the request.', waited);
  return new KarmeshError('WORKER_TIMEOUT', 'The workers that were drawn did not answer in time.', facts);
}

/** When as many workers as a quorum needs should have room again, by what they said with their refusals; undefined if too few said so. */
function retryAfterOf({ places }: DispatchEnd): number | undefined {
  const hints = places.flatMap(({ standing }) =>
    standing.kind === 'refused' && standing.retryAfterMs > 0 ? [standing.retryAfterMs] : [],
  );
  return hints.sort((a, b) => a - b)[QUORUM - 1];
}
