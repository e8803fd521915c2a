import { KarmeshError } from '@karmesh/sdk/errors';
import { type ChallengeAccount, VOTE_FLAG } from '@karmesh/sdk/program';
import { equalBytes, silenceKey } from '@karmesh/sdk/protocol';
import { accuseVoters } from './accuseVoters.ts';
import type { BringParts } from './bringParts.ts';
import { EVIDENCE_COSTS } from './evidenceCosts.ts';
import type { FoundHidden } from './finding.ts';
import type { Finding } from './findingStore.ts';

type Signalled = { readonly signal: AbortSignal };
interface Hidden {
  readonly finding: Finding;
  readonly of: FoundHidden;
}

/** P-49, P-50: asks for a place of a report that nobody shows, waits, accuses who voted for it and is silent, and ends the challenge. True once nothing is left to do. */
export async function bringChallenge(parts: BringParts, hidden: Hidden, { signal }: Signalled): Promise<boolean> {
  const { chain, store } = parts;
  const { finding, of } = hidden;
  const asked = await chain.challenge(of, { signal });
  if (asked === undefined) {
    if (finding.state === 'found') return ask(parts, hidden, { signal });
    // It was ended, and the process with it before it could note that.
    return settle(parts, finding, { isAnswered: finding.reason === 'answered', isOurs: finding.isOurs });
  }
  const isOurs = equalBytes(asked.challenger, parts.identity);
  if (finding.state === 'found') {
    store.move(finding, { state: 'committed', isOurs });
    if (isOurs) parts.budget.take(asked.bond);
  }
  if (asked.answered !== 0) {
    store.move(finding, { state: 'committed', isOurs, reason: 'answered' });
    if (isOurs) await end(parts, hidden, { signal });
    return settle(parts, finding, { isAnswered: true, isOurs });
  }
  return followSilence(parts, { ...hidden, asked, isOurs }, { signal });
}

async function ask(parts: BringParts, { finding, of }: Hidden, { signal }: Signalled): Promise<boolean> {
  const { chain, store, budget, log } = parts;
  const { epoch, reportHash, index, report, voter, priorEpoch } = of;
  // In turns, so that each knows of the bonds before its own.
  if (parts.slot() < finding.foundSlot + parts.turnSlots(epoch)) return false;
  const bond = parts.bondOf(epoch);
  if (!budget.take(bond + EVIDENCE_COSTS.fee)) return false;
  const prior = priorEpoch === epoch ? undefined : priorEpoch;
  const asked = { epoch, reportHash, index, report, validator: voter, priorEpoch: prior };
  let signature: string;
  try {
    signature = await chain.ask(asked, { signal });
  } catch (error) {
    // If the chain has it all the same, the next look sees that and counts it then.
    if (error instanceof KarmeshError) budget.giveBack(bond);
    throw error;
  }
  store.move(finding, { state: 'committed', isOurs: true });
  log.info({ ...factsOf(finding), index, signature }, 'A place of a report that nobody shows was asked for.');
  parts.onStage?.('evidence:asked', { epoch });
  return false;
}

/** P-50: of a challenge that nobody has answered. */
async function followSilence(
  parts: BringParts,
  of: Hidden & { readonly asked: ChallengeAccount; readonly isOurs: boolean },
  { signal }: Signalled,
): Promise<boolean> {
  const { chain, store, budget } = parts;
  const { finding, asked, isOurs } = of;
  const { epoch, reportHash, untilSlot, closableSlot, bond } = asked;
  // Who asked is paid for each case, so it goes first; where it is gone others do it.
  const wait = isOurs ? 0n : parts.turnSlots(epoch);
  if (parts.slot() < untilSlot + wait) return false;
  if (finding.state !== 'shown') {
    store.move(finding, { state: 'shown', isOurs });
    parts.observe({ kind: 'silence', outcome: isOurs ? 'shown' : 'elsewhere' });
    parts.log.warn(factsOf(finding), 'Nobody showed what was asked of a report.');
  }
  const isDone = await accuseVoters(
    parts,
    {
      number: finding.number,
      epoch,
      offenceKey: silenceKey(epoch),
      isVoteFor: (vote) => (vote.flags & VOTE_FLAG.revealed) !== 0 && equalBytes(vote.reportHash, reportHash),
      accuse: (validator) => chain.accuseSilent({ ...of.of, validator }, { signal }),
    },
    { signal },
  );
  if (!isDone || parts.slot() < closableSlot) return false;
  if (isOurs) {
    await end(parts, of, { signal });
    budget.giveBack(bond);
  }
  store.move(finding, { state: 'settled', isOurs });
  return true;
}

/** Takes the rent back, and the bond unless it was answered. */
async function end({ chain, onStage }: BringParts, { of }: Hidden, { signal }: Signalled): Promise<void> {
  await chain.endChallenge(of, { signal });
  onStage?.('evidence:ended', { epoch: of.epoch });
}

function settle(
  parts: BringParts,
  finding: Finding,
  { isAnswered, isOurs }: { readonly isAnswered: boolean; readonly isOurs: boolean },
): boolean {
  parts.store.move(finding, { state: 'settled', isOurs, ...(isAnswered ? { reason: 'answered' } : {}) });
  if (isAnswered) {
    parts.observe({ kind: 'silence', outcome: 'answered' });
    parts.log.info(factsOf(finding), 'What was asked of a report was shown, and is true.');
  }
  return true;
}

function factsOf({ number, of }: Finding): Readonly<Record<string, string>> {
  return { finding: number.toString(), epoch: of.epoch.toString() };
}
