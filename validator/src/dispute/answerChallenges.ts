import { type ChallengeAccount, programErrorName } from '@karmesh/sdk/program';
import {
  bufferContent,
  challengedPlace,
  type Domain,
  equalBytes,
  type Hash,
  hash,
  type Identity,
  placeAnswer,
  reportBodyCodec,
  toHex,
  tryDecode,
  u32le,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { EpochFacts, PastChain } from '../chain/chainReader.ts';
import { type EvidenceChain, piecesOf } from '../chain/evidenceChain.ts';
import type { DutyResult } from '../epoch/dutyParts.ts';
import type { EpochBodies } from '../epoch/epochBodies.ts';
import { priorOf } from './compareReports.ts';
import { type KnownReport, readRevealed } from './contradiction.ts';
import { isWritten } from './writtenBuffer.ts';

type Signalled = { readonly signal: AbortSignal };

export interface ChallengeWatchParts {
  readonly domain: Domain;
  readonly chain: Pick<EvidenceChain, 'challenges' | 'answer' | 'buffer' | 'openBuffer' | 'write' | 'closeBuffer'>;
  readonly bodies: EpochBodies;
  readonly epochs: () => readonly EpochFacts[];
  readonly past: Pick<PastChain, 'epoch'>;
  readonly identityOf: (participant: Uint8Array) => Identity | undefined;
  /** The hash of the report that this validator tallied; undefined if it tallied none. */
  readonly ownReport: (account: EpochFacts) => Hash | undefined;
  readonly slot: () => bigint;
  readonly answerSlots: () => bigint;
  /** How many validators come before this one in an epoch's turns, and how many there are. */
  readonly turnOf: (epoch: bigint) => { readonly before: bigint; readonly of: bigint };
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly onAnswered: () => void;
}

/**
 * P-49, V-35: answers whoever asks for a place of a report that this validator tallied itself or that won. For no other: the chain would
 * refuse the answer to a question about a lie, and who asked would have its bond back, and everybody's fees would be lost.
 */
export interface ChallengeWatch {
  isDue(): boolean;
  /** Throws what RPC throws. */
  run(options: Signalled): Promise<DutyResult>;
}

/** The bond pays for an answer, so that no budget holds it back. */
const PAID_BY_BOND = { take: () => true } as const;
/** P-51: how long the chain keeps the accounts of epochs. */
const KEPT_EPOCHS = 64n;
/** Looks in the time of an answer. */
const LOOKS = 16n;
/** The part of it in which one validator leaves the first word to those before it. */
const TURNS_PART = 4n;

/** The buffer of an answer: the same after a restart, and above the numbers that findings count. */
function nonceOf({ reportHash, index }: ChallengeAccount): bigint {
  const bytes = hash(reportHash, u32le(index));
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true) | (1n << 63n);
}

export function challengeWatch(parts: ChallengeWatchParts): ChallengeWatch {
  const { chain, log } = parts;
  let nextSlot = 0n;
  /** By hex address: those that this validator answered, cannot answer, or has nothing left to do for. */
  const over = new Set<string>();

  /** From when on this validator answers. A challenge is there for twice the time of an answer, of which this one leaves three quarters to be answered in. */
  function ownSlot({ untilSlot, epoch }: ChallengeAccount): bigint {
    const { before, of } = parts.turnOf(epoch);
    return untilSlot - parts.answerSlots() + (parts.answerSlots() * before) / (TURNS_PART * of);
  }

  async function accountOf(epoch: bigint, options: Signalled): Promise<EpochFacts | undefined> {
    return parts.epochs().find((one) => one.epoch === epoch) ?? (await parts.past.epoch(epoch, options));
  }

  /** The final epoch that the report follows on, among those that the chain still knows. */
  async function priorAccounts(report: KnownReport, epoch: bigint, options: Signalled): Promise<readonly EpochFacts[]> {
    const { priorRoot } = report.body.report;
    if (equalBytes(priorRoot, ZERO_HASH)) return [];
    for (let before = epoch - 1n; before >= 0n && before + KEPT_EPOCHS >= epoch; before--) {
      const account = await accountOf(before, options);
      if (account?.state === 'finalised' && equalBytes(account.root, priorRoot)) return [account];
    }
    return [];
  }

  /** Whether the report is one that this validator stands behind: see `ChallengeWatch`. */
  function isTrusted(account: EpochFacts, reportHash: Uint8Array): boolean {
    const own = parts.ownReport(account);
    return (own !== undefined && equalBytes(own, reportHash)) || equalBytes(account.reportHash, reportHash);
  }

  async function reportOf(account: EpochFacts, reportHash: Hash, options: Signalled): Promise<KnownReport | undefined> {
    const { epoch, verdictsRoot } = account;
    const { domain, identityOf } = parts;
    const from = identityOf(account.verdictsProposer);
    const parse = (bytes: Uint8Array): KnownReport | undefined => {
      const body = tryDecode(reportBodyCodec, bytes);
      return body === undefined ? undefined : readRevealed(domain, { body, epoch, verdictsRoot, reportHash });
    };
    return parts.bodies.find({ epoch, kind: 'report', key: reportHash, from, parse }, options);
  }

  async function answer(challenge: ChallengeAccount, { signal }: Signalled): Promise<void> {
    const { epoch, index, reportHash } = challenge;
    const account = await accountOf(epoch, { signal });
    if (account === undefined || !isTrusted(account, reportHash)) return;
    const about = { epoch: epoch.toString(), report: toHex(reportHash), index };
    const report = await reportOf(account, reportHash, { signal });
    const priors = report === undefined ? [] : await priorAccounts(report, epoch, { signal });
    const prior = report && (await priorOf({ ...parts, epochs: () => priors }, report, { signal }));
    if (report === undefined || prior === 'missing') {
      log.warn(about, 'Somebody asks for a place of a report whose body is not to be had.');
      return;
    }
    const shown = challengedPlace(
      { lifetimes: report.body.lifetimes, trees: report.trees },
      {
        index,
        ...(prior === undefined
          ? {}
          : { prior: { lifetimes: prior.report.body.lifetimes, trees: prior.report.trees } }),
      },
    );
    const content = bufferContent(placeAnswer(report.body.report, shown));
    const nonce = nonceOf(challenge);
    const { before, last } = piecesOf(nonce, content);
    const wanted = { nonce, size: content.length, before: [...before, last], signal };
    await isWritten({ chain, budget: PAID_BY_BOND }, wanted);
    try {
      const signature = await chain.answer({ challenge, nonce, priorEpoch: prior?.epoch }, { signal });
      log.info({ ...about, signature }, 'A challenge was answered; its bond is this validator’s.');
      over.add(toHex(challenge.address));
      parts.onAnswered();
    } catch (error) {
      const reason = programErrorName(error);
      if (reason === undefined) throw error;
      log.warn({ ...about, reason }, 'The chain does not take the answer to a challenge.');
      await tidy(challenge, { signal });
    }
  }

  /** Takes the rent of a buffer back that nothing is answered with any more. */
  async function tidy(challenge: ChallengeAccount, options: Signalled): Promise<void> {
    const nonce = nonceOf(challenge);
    if ((await chain.buffer(nonce, options)) !== undefined) await chain.closeBuffer(nonce, options);
    over.add(toHex(challenge.address));
  }

  return {
    isDue: () => parts.slot() >= nextSlot,
    async run({ signal }) {
      const slot = parts.slot();
      nextSlot = slot + parts.answerSlots() / LOOKS + 1n;
      const all = await chain.challenges({ signal });
      const there = new Set(all.map(({ address }) => toHex(address)));
      for (const known of over) if (!there.has(known)) over.delete(known);
      const left = all.filter(({ address }) => !over.has(toHex(address)));
      for (const challenge of left.toSorted((a, b) => (a.untilSlot < b.untilSlot ? -1 : 1))) {
        if (challenge.answered !== 0 || slot >= challenge.untilSlot) await tidy(challenge, { signal });
        else if (slot >= ownSlot(challenge)) await answer(challenge, { signal });
      }
      return 'done';
    },
  };
}
