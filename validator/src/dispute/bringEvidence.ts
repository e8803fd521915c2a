import { programErrorName, VOTE_FLAG, type VoteAccount } from '@karmesh/sdk/program';
import { bufferContent, equalBytes, FINDING_SLOTS, findingCommitment, type Hash } from '@karmesh/sdk/protocol';
import { type Fault, offenceKeyOf, piecesOf } from '../chain/evidenceChain.ts';
import type { DutyResult } from '../epoch/dutyParts.ts';
import { accuseVoters } from './accuseVoters.ts';
import { bringChallenge } from './bringChallenge.ts';
import type { BringParts } from './bringParts.ts';
import { EVIDENCE_COSTS } from './evidenceCosts.ts';
import { type FoundBadSet, type FoundFalse, type FoundTwice, shownTwice } from './finding.ts';
import type { Finding } from './findingStore.ts';
import { isWritten } from './writtenBuffer.ts';

type Signalled = { readonly signal: AbortSignal };

/** The program says so of evidence that it will never take. */
const REFUSALS = new Set([
  'NotAnOffence',
  'BadEvidence',
  'BadPath',
  'BadRecord',
  'StalePrior',
  'TooLate',
  'TooManyCases',
  'NotVoted',
]);
/** Another was faster, or what is awaited has not come: the next look shows it. */
const EXPECTED = new Set(['AlreadyInitialised', 'NotCommitted', 'BadState', 'ChallengeOpen', 'ChallengeAnswered']);

/**
 * Takes every open finding one step further (P-40 to P-50). What is on chain and in the store decides which step, so that it goes on after a kill and does nothing twice.
 * `waiting` while something is still to be done. Throws what RPC throws.
 */
export async function bringEvidence(parts: BringParts, options: Signalled): Promise<DutyResult> {
  let isAllSettled = true;
  for (const finding of parts.store.open()) {
    try {
      const isSettled = await step(parts, finding, options);
      isAllSettled &&= isSettled;
    } catch (error) {
      const refusal = programErrorName(error);
      if (refusal === undefined) throw error;
      isAllSettled = false;
      if (REFUSALS.has(refusal)) await refuse(parts, finding, { reason: refusal, ...options });
      else if (EXPECTED.has(refusal)) parts.log.info({ ...factsOf(finding), refusal }, 'The chain had moved on.');
      else throw error;
    }
  }
  return isAllSettled ? 'done' : 'waiting';
}

/** True once nothing is left to do. */
function step(parts: BringParts, finding: Finding, options: Signalled): Promise<boolean> {
  switch (finding.type) {
    case 'doubleSign':
      return bringTwice(parts, { finding, of: finding.of }, options);
    case 'hiddenReport':
      return bringChallenge(parts, { finding, of: finding.of }, options);
    default:
      return bringFault(parts, { finding, of: finding.of }, options);
  }
}

/** P-44: commits, waits and shows both signatures. */
async function bringTwice(
  parts: BringParts,
  { finding, of }: { readonly finding: Finding; readonly of: FoundTwice },
  { signal }: Signalled,
): Promise<boolean> {
  const { chain, store, budget, log } = parts;
  const twice = shownTwice(of);
  const { commitment, salt } = commitmentOf(parts, finding, twice.evidence);
  const filed = await chain.offenceCase(of.offender, of.offenceKey, { signal });
  if (filed !== undefined) {
    await free(parts, finding, { commitment, signal });
    settle(parts, finding, equalBytes(filed.finder, parts.identity));
    return true;
  }
  if (!(await isCommitted(parts, finding, { commitment, signal })) || !budget.take(EVIDENCE_COSTS.showTwice))
    return false;
  const signatures = [of.firstSignature, of.secondSignature] as const;
  const { identity } = of;
  const signature = await chain.showTwice({ twice, identity, signatures, commitment, salt }, { signal });
  log.info({ ...factsOf(finding), signature }, 'Two signatures that exclude each other were shown; a case is open.');
  store.move(finding, { state: 'settled', isOurs: true });
  parts.observe({ kind: of.what, outcome: 'shown' });
  parts.onStage?.('evidence:shown', { epoch: of.epoch });
  return true;
}

/** P-45 to P-48: commits, writes the buffer, shows the last piece with the proof, and accuses who voted for it. */
async function bringFault(
  parts: BringParts,
  { finding, of }: { readonly finding: Finding; readonly of: FoundFalse | FoundBadSet },
  { signal }: Signalled,
): Promise<boolean> {
  const { chain, store, budget, log } = parts;
  const content = bufferContent(of.evidence);
  const { commitment, salt } = commitmentOf(parts, finding, content);
  const fault = faultOf(of);
  const shown = await chain.fault(fault, { signal });
  if (shown !== undefined) {
    await free(parts, finding, { commitment, signal });
    const isOurs = equalBytes(shown.finder, parts.identity);
    if (finding.state !== 'shown') {
      store.move(finding, { state: 'shown', isOurs });
      parts.observe({ kind: of.what, outcome: isOurs ? 'shown' : 'elsewhere' });
    }
    return accuse(parts, finding, { fault, isOurs, shownSlot: shown.slot, signal });
  }
  if (!(await isCommitted(parts, finding, { commitment, signal, isWaiting: false }))) return false;
  const { before, last } = piecesOf(finding.number, content);
  if (!(await isWritten(parts, { size: content.length, nonce: finding.number, before, signal }))) return false;
  if (!(await isCommitted(parts, finding, { commitment, signal }))) return false;
  if (of.what !== 'signature' && !parts.isProvable(of.epoch)) return false;
  if (!budget.take(EVIDENCE_COSTS.showFault)) return false;
  const signature = await chain.showFault({ fault, commitment, salt, lastPiece: last }, { signal });
  log.info({ ...factsOf(finding), signature }, 'What validators voted for was shown to be false.');
  store.move(finding, { state: 'shown', isOurs: true });
  parts.observe({ kind: of.what, outcome: 'shown' });
  parts.onStage?.('evidence:shown', { epoch: of.epoch });
  return false;
}

/** P-47, P-48: a case against each who revealed the report, or attested in the set's epoch. Settled once the epoch is decided, so that nobody can still do so. */
async function accuse(
  parts: BringParts,
  finding: Finding,
  shown: {
    readonly fault: Fault;
    readonly isOurs: boolean;
    readonly shownSlot: bigint;
    readonly signal: AbortSignal;
  },
): Promise<boolean> {
  const { fault, signal } = shown;
  const { epoch } = fault;
  // The finder is paid for each case, so it goes first; where it is gone others do it.
  const wait = shown.isOurs ? 0n : parts.turnSlots(epoch);
  if (parts.slot() < shown.shownSlot + wait) return false;
  const isDone = await accuseVoters(
    parts,
    {
      number: finding.number,
      epoch,
      offenceKey: offenceKeyOf(fault),
      isVoteFor: (vote) => isVoteFor(vote, fault),
      accuse: (validator) => parts.chain.accuse({ fault, validator }, { signal }),
    },
    { signal },
  );
  if (!isDone || !parts.isDecided(epoch)) return false;
  settle(parts, finding, shown.isOurs);
  return true;
}

/** What is attested is not replaced (P-12), so that every attestation of an epoch is of its set. */
function isVoteFor({ flags, reportHash }: VoteAccount, { name, subject }: Fault): boolean {
  return name === 'signature'
    ? (flags & VOTE_FLAG.attested) !== 0
    : (flags & VOTE_FLAG.revealed) !== 0 && equalBytes(reportHash, subject);
}

/** P-41: true once the commitment is old enough, or, unless waited for, once the chain has it. Commits if nothing is there. */
async function isCommitted(
  parts: BringParts,
  finding: Finding,
  about: { readonly commitment: Hash; readonly signal: AbortSignal; readonly isWaiting?: boolean },
): Promise<boolean> {
  const { chain, store, budget } = parts;
  const { commitment, signal, isWaiting = true } = about;
  const account = await chain.finding(commitment, { signal });
  if (account === undefined) {
    if (!budget.take(EVIDENCE_COSTS.fee)) return false;
    await chain.commit(commitment, { signal });
    store.move(finding, { state: 'committed' });
    parts.log.info(factsOf(finding), 'A finding was committed to.');
    parts.onStage?.('evidence:committed', { epoch: finding.of.epoch });
    return !isWaiting;
  }
  if (finding.state === 'found') store.move(finding, { state: 'committed' });
  return !isWaiting || parts.slot() >= account.slot + FINDING_SLOTS;
}

/** Takes the rents back that the finding and its buffer hold. */
async function free(
  { chain }: BringParts,
  finding: Finding,
  { commitment, signal }: { readonly commitment: Hash; readonly signal: AbortSignal },
): Promise<void> {
  if ((await chain.finding(commitment, { signal })) !== undefined) await chain.dropFinding(commitment, { signal });
  if (finding.type === 'doubleSign') return;
  if ((await chain.buffer(finding.number, { signal })) !== undefined)
    await chain.closeBuffer(finding.number, { signal });
}

function settle(parts: BringParts, finding: Finding, isOurs: boolean): void {
  if (finding.type === 'doubleSign') {
    parts.observe({ kind: finding.of.what, outcome: isOurs ? 'shown' : 'elsewhere' });
    if (!isOurs) parts.log.info(factsOf(finding), 'Somebody else was first to show this.');
  }
  parts.store.move(finding, { state: 'settled', isOurs });
}

async function refuse(
  parts: BringParts,
  finding: Finding,
  { reason, signal }: { readonly reason: string; readonly signal: AbortSignal },
): Promise<void> {
  if (finding.type !== 'hiddenReport') {
    const evidence =
      finding.type === 'doubleSign' ? shownTwice(finding.of).evidence : bufferContent(finding.of.evidence);
    await free(parts, finding, { commitment: commitmentOf(parts, finding, evidence).commitment, signal });
  }
  parts.store.move(finding, { state: 'refused', reason });
  parts.observe({ kind: finding.of.what, outcome: 'refused' });
  parts.log.warn({ ...factsOf(finding), reason }, 'The chain does not take what was found; it is given up.');
}

function commitmentOf(
  { domain, identity }: BringParts,
  { salt }: Finding,
  evidence: Uint8Array,
): { readonly commitment: Hash; readonly salt: Hash } {
  return { salt, commitment: findingCommitment(domain, { finder: identity, evidence, salt }) };
}

function faultOf(of: FoundFalse | FoundBadSet): Fault {
  const { epoch } = of;
  if (of.what === 'signature') return { name: of.what, epoch, subject: of.manifestHash, priorEpoch: undefined };
  const { what, reportHash, priorEpoch } = of;
  return { name: what, epoch, subject: reportHash, priorEpoch: priorEpoch === epoch ? undefined : priorEpoch };
}

function factsOf({ number, of }: Finding): Readonly<Record<string, string>> {
  return { finding: number.toString(), what: of.what, epoch: of.epoch.toString() };
}
