import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TensorCommitter } from '@karmesh/circuits/commitment';
import { verifyLayer } from '@karmesh/circuits/verify';
import type { ModelKeys } from '@karmesh/node/models';
import type { KeysName } from '@karmesh/sdk/program';
import {
  AUDIT_RULES,
  type AuditOpen,
  type ChallengeVerdict,
  challengeAnswerCodec,
  checkChallenge,
  type Domain,
  equalBytes,
  keyCountOf,
  MAX_MODEL_KEYS,
  type ModelId,
  toHex,
  tryDecode,
} from '@karmesh/sdk/protocol';
import type { Replayer } from '../audit/judgeAnswer.ts';
import type { DrawnAudit } from '../epoch/drawnAudits.ts';

/** Keys of a model and the name by which the registry has them. */
export type KnownKeys = ModelKeys & KeysName;

export interface ChallengeJudgeParts {
  readonly domain: Domain;
  readonly keys: readonly KnownKeys[];
  /** Whether the registry has admitted these keys. */
  readonly isAdmitted: (keys: KnownKeys) => boolean;
  /** Whether it has admitted keys that this validator does not know. */
  readonly isAdmittedElsewhere: (keys: KeysName, options: { readonly signal: AbortSignal }) => Promise<boolean>;
  readonly commit: TensorCommitter;
  readonly replayer: Pick<Replayer, 'prompt'>;
  /** The first slot of an epoch; undefined before epochs have begun. */
  readonly firstSlotOf: (epoch: bigint) => bigint;
  /** From the end of an answer's epoch, so many slots its worker has to prove a token. */
  readonly deadlineSlots: bigint;
}

/** Judges what workers prove of challenged tokens. */
export interface ChallengeJudge {
  /** Whether answers of this model have to be proven: its keys are known here and admitted on chain. */
  isDue(modelId: ModelId): boolean;
  /** U-09: from this slot on an answer of that epoch that is not proven is one that nobody gave. */
  deadlineSlot(drawnEpoch: bigint): bigint;
  /** Undefined, while `mayAbstain`, for proofs under admitted keys that are not known here: others may judge them. */
  judge(
    audit: DrawnAudit,
    opened: AuditOpen,
    options: { readonly mayAbstain: boolean; readonly signal: AbortSignal },
  ): Promise<ChallengeVerdict | undefined>;
}

export function challengeJudge(parts: ChallengeJudgeParts): ChallengeJudge {
  const { domain, commit, firstSlotOf, deadlineSlots } = parts;
  const admitted = (modelId: ModelId): readonly KnownKeys[] =>
    parts.keys.filter((known) => equalBytes(known.modelId, modelId) && parts.isAdmitted(known));
  return {
    isDue: (modelId) => admitted(modelId).length > 0,
    deadlineSlot: (drawnEpoch) => firstSlotOf(drawnEpoch + 1n) + deadlineSlots,
    async judge(audit, { request, tokens, challenge }, { mayAbstain, signal }) {
      const { modelId } = request;
      const { receipt, body } = audit.receipt;
      const byRoot = new Map(admitted(modelId).map((known) => [toHex(known.keysRoot), known]));
      const verdict = await checkChallenge(
        {
          domain,
          epoch: audit.drawnEpoch,
          beacon: audit.drawnBeacon,
          entryHash: audit.entryHash,
          modelId,
          run: { requestId: body.requestId, blinding: request.blinding },
          temperatureMicro: request.temperatureMicro,
          promptTokens: receipt.value.promptTokens,
          outputTokens: tokens,
          traceRoot: body.traceRoot,
          prompt: await parts.replayer.prompt(request, { signal }),
        },
        challenge,
        {
          commit,
          keyCount: (root) => byRoot.get(toHex(root))?.keyCount,
          verifyingKey: (root, operator) => byRoot.get(toHex(root))?.keys[operator]?.verifyingKey,
          async verify(statement) {
            // A proof takes tens of milliseconds, and others wait for this thread.
            await nextTurn(undefined, { signal });
            return verifyLayer(statement).verdict === 'accept';
          },
        },
      );
      const isAboutKeys = verdict.verdict === 'reject' && verdict.rule === AUDIT_RULES.challengeKeys;
      const claimed = isAboutKeys && mayAbstain ? claimedKeys(modelId, challenge) : undefined;
      if (claimed === undefined || byRoot.has(toHex(claimed.keysRoot))) return verdict;
      return (await parts.isAdmittedElsewhere(claimed, { signal })) ? undefined : verdict;
    },
  };
}

/** The keys that an answer says it is proven under; undefined for one that names none which a registry could hold. */
function claimedKeys(modelId: ModelId, challenge: Uint8Array): KeysName | undefined {
  const answer = tryDecode(challengeAnswerCodec, challenge);
  if (answer === undefined) return undefined;
  const keyCount = keyCountOf(answer.facts);
  return keyCount <= MAX_MODEL_KEYS ? { modelId, keysRoot: answer.keysRoot, keyCount } : undefined;
}
