import { type Clock, systemClock } from '../clock.ts';
import { type Cluster, clusterPreset } from '../clusters/index.ts';
import { KarmeshError, type KarmeshErrorCode } from '../errors.ts';
import { type BundleCheck, decodeBundle } from '../protocol/index.ts';
import { answerChecks, type ChoiceEvidence } from './answerChecks.ts';
import type { AnswerEvidence } from './answerEvidence.ts';
import type { AskedRequest } from './askedRequest.ts';
import { fetchBundle } from './fetchBundle.ts';
import type { Gateway } from './gateway.ts';
import type { BundleChainReader } from './readBundleChain.ts';
import type { Told } from './readTold.ts';
import { type RecheckedBundle, recheckBundle } from './recheckBundle.ts';
import type { ChallengeReader, ProofTools } from './recheckChallenge.ts';

/**
 * How far answers are checked: not at all, against what stands under signatures and on the chain now, or until the roots of their epochs are final.
 */
export type VerifyLevel = 'none' | 'quorum' | 'final';

/** What answers are checked against. */
export interface VerifyChain {
  /** `chainReader` of an RPC node that the buyer trusts. */
  readonly reader: BundleChainReader & ChallengeReader;
  /** Whether the node is on this machine (`isLoopback`); false unless told. */
  readonly isLocal?: boolean;
  /** Those that ship with the SDK unless told. */
  readonly presets?: readonly Cluster[];
  /** What checks proofs of `proof` requests (`@karmesh/sdk/client/proofs` on Node); without it they stay unchecked. */
  readonly proofTools?: () => Promise<ProofTools>;
}

/** What was found of one choice. */
export interface ChoiceVerdict {
  readonly requestId: string;
  /**
   * `holds`: all that the level asks for. `false`: `broken` does not hold. `unchecked`: something that the check needs was not to be had, which `reason` says.
   */
  readonly kind: 'holds' | 'false' | 'unchecked';
  readonly broken?: BundleCheck;
  readonly reason?: string;
  /** The whole recheck, where one was made. */
  readonly recheck?: RecheckedBundle;
}

/** What was found of an answer: `false` if a choice is, `unchecked` if none is false and one is unchecked. */
export interface AnswerVerdict {
  readonly kind: ChoiceVerdict['kind'];
  /** The rule of docs/protocol.md that does not hold. */
  readonly rule?: string;
  /** What does not hold, or was not to be had. */
  readonly sentence?: string;
  /** Undefined where the answer has none. */
  readonly evidence: AnswerEvidence | undefined;
  readonly choices: readonly ChoiceVerdict[];
}

export interface VerifyAnswerOptions {
  readonly told: Told;
  /** Undefined where it cannot be read, which leaves the answer unchecked. */
  readonly asked: AskedRequest | undefined;
  readonly level: Exclude<VerifyLevel, 'none'>;
  readonly chain: VerifyChain;
  /** How long to wait for what is missing, in milliseconds; half a minute for `quorum` and an hour for `final` unless told. */
  readonly withinMs?: number;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
}

const WITHIN_MS = { quorum: 30_000, final: 3_600_000 } as const;
const POLL_MS = 2_000;

/** What may be another a moment later. */
const PASSING: ReadonlySet<KarmeshErrorCode> = new Set([
  'GATEWAY_REFUSED',
  'PEER_UNREACHABLE',
  'RPC_FAILED',
  'RPC_UNREACHABLE',
]);

/** Checks the evidence of every choice of an answer. Never throws for what a gateway or a node does: that is in the verdict. */
export async function verifyAnswer(
  gateway: Omit<Gateway, 'apiKey'>,
  options: VerifyAnswerOptions,
): Promise<AnswerVerdict> {
  const { asked, told } = options;
  const { evidence } = told;
  if (evidence === undefined) return falseAnswer(told, 'The answer came without evidence.');
  if (asked === undefined)
    return { kind: 'unchecked', sentence: 'What you sent cannot be compared with what ran.', evidence, choices: [] };
  const each: readonly ChoiceEvidence[] = evidence.all ?? [evidence];
  const isDistinct = new Set(each.map(({ requestId }) => requestId)).size === each.length;
  if (each.length !== asked.conversations.length || !isDistinct)
    return falseAnswer(told, 'Not every choice that was asked for has evidence of its own.');
  const found = await Promise.all(each.map((one, choice) => verifyChoice(gateway, { ...options, asked, one, choice })));
  const choices = found.map(({ verdict }) => verdict);
  const broken = choices.find(({ kind }) => kind === 'false');
  if (broken !== undefined)
    return { kind: 'false', ...wording(broken.broken?.rule, broken.broken?.what), evidence, choices };
  const unchecked = choices.find(({ kind }) => kind === 'unchecked');
  if (unchecked !== undefined) return { kind: 'unchecked', ...wording(undefined, unchecked.reason), evidence, choices };
  const tokens = found.reduce((sum, { outputTokens }) => sum + outputTokens, 0);
  if (told.outputTokens !== undefined && told.outputTokens !== tokens)
    return { ...falseAnswer(told, 'The answer counts other tokens than the workers signed.', 'M-01'), choices };
  return { kind: 'holds', evidence, choices };
}

function falseAnswer({ evidence }: Told, sentence: string, rule = 'B-03'): AnswerVerdict {
  return { kind: 'false', rule, sentence, evidence, choices: [] };
}

function wording(rule: string | undefined, sentence: string | undefined): Pick<AnswerVerdict, 'rule' | 'sentence'> {
  return { ...(rule === undefined ? {} : { rule }), ...(sentence === undefined ? {} : { sentence }) };
}

type ChoiceOptions = VerifyAnswerOptions & {
  readonly asked: AskedRequest;
  readonly one: ChoiceEvidence;
  /** By index. */
  readonly choice: number;
};
type Found = { readonly verdict: ChoiceVerdict; readonly outputTokens: number };

/** Looks until everything holds, something is false, or the time is over. */
async function verifyChoice(gateway: Omit<Gateway, 'apiKey'>, options: ChoiceOptions): Promise<Found> {
  const { clock = systemClock, level, one, signal } = options;
  const { requestId } = one;
  const endsMs = clock.nowMs() + (options.withinMs ?? WITHIN_MS[level]);
  const unchecked = (reason: string): Found => ({
    verdict: { requestId, kind: 'unchecked', reason },
    outputTokens: 0,
  });
  // A node that lags behind the gateway's knows less than the bundle says: what fails must fail twice.
  let hasFailed = false;
  try {
    for (;;) {
      const { broken, outputTokens, pending, recheck } = await lookOnce(gateway, options);
      const more = recheck === undefined ? {} : { recheck };
      if (broken !== undefined && hasFailed)
        return { verdict: { requestId, kind: 'false', broken, ...more }, outputTokens };
      if (broken === undefined && pending === undefined)
        return { verdict: { requestId, kind: 'holds', ...more }, outputTokens };
      if (broken === undefined && clock.nowMs() + POLL_MS > endsMs) return unchecked(pending ?? '');
      hasFailed = broken !== undefined;
      await pause(clock, POLL_MS, signal);
    }
  } catch (cause) {
    if (cause instanceof KarmeshError) return unchecked(cause.message);
    throw cause;
  }
}

type Look = {
  readonly broken: BundleCheck | undefined;
  /** What the level asks for and is not there yet. */
  readonly pending: string | undefined;
  readonly recheck: RecheckedBundle | undefined;
  readonly outputTokens: number;
};

const NOTHING: Look = { broken: undefined, pending: undefined, recheck: undefined, outputTokens: 0 };

/** As `look`, where what may be another a moment later is pending. */
async function lookOnce(...parts: Parameters<typeof look>): Promise<Look> {
  try {
    return await look(...parts);
  } catch (cause) {
    if (!(cause instanceof KarmeshError) || !PASSING.has(cause.code)) throw cause;
    return { ...NOTHING, pending: cause.message };
  }
}

async function look(gateway: Omit<Gateway, 'apiKey'>, options: ChoiceOptions): Promise<Look> {
  const { asked, chain, choice, level, one, signal } = options;
  let bundle: ReturnType<typeof decodeBundle>;
  try {
    bundle = decodeBundle(await fetchBundle(gateway, { requestId: one.requestId, signal }));
  } catch (cause) {
    if (!(cause instanceof KarmeshError) || cause.code !== 'BUNDLE_INVALID') throw cause;
    const broken = { rule: 'B-01', what: cause.message, holds: false, facts: {} };
    return { ...NOTHING, broken };
  }
  const recheck = await recheckBundle(chain.reader, {
    bundle,
    presets: chain.presets ?? [clusterPreset('localnet'), clusterPreset('devnet')],
    proofTools: chain.proofTools ?? lacksTools,
    isLocal: chain.isLocal ?? false,
    signal,
  });
  const checks = [...answerChecks(bundle, { evidence: one, asked, choice }), ...recheck.checks];
  const lacking = recheck.lacksProof === true ? 'The proofs of this answer are not there yet.' : recheck.pending[0];
  return {
    broken: checks.find(({ holds }) => !holds),
    pending: level === 'final' ? lacking : undefined,
    recheck,
    outputTokens: bundle.tokens.length,
  };
}

async function lacksTools(): Promise<never> {
  throw new KarmeshError('BAD_ARGUMENT', 'The proofs of this answer need `proofTools` to be checked.');
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      cancel();
      reject(new KarmeshError('ABORTED', 'The check was cancelled.'));
    };
    const cancel = clock.alarm(ms, () => {
      signal.removeEventListener('abort', aborted);
      resolve();
    });
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
  });
}
