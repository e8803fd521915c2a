import { firstSlotOfEpoch, isActiveIn, parametersIn, toHex, type Weights } from '@karmesh/sdk/protocol';
import type { ConfigFacts, EpochFacts, VoteFacts } from './chain/chainReader.ts';

export const DUTY_KINDS = [
  'catchUp',
  'close',
  'attest',
  'revealSalt',
  'recordBeacon',
  'audit',
  'postVerdicts',
  'seal',
  'revealRoot',
  'settle',
  'finalise',
  'claim',
  'closeVote',
  'answerChallenges',
  'searchSet',
  'checkSet',
  'compareReports',
  'showEvidence',
  'executeCases',
] as const;
export type DutyKind = (typeof DUTY_KINDS)[number];

/** Something that this validator ought to do now. */
export interface Duty {
  readonly kind: DutyKind;
  readonly epoch: bigint;
  /** Tells a duty apart from one of its kind and epoch that was refused: the manifest's hash, or the attempt. */
  readonly about?: string;
}

/** What duties follow from: the chain, and this validator's own records. */
export interface DutyState {
  readonly slot: bigint;
  readonly config: ConfigFacts;
  /** Undefined for a validator that is not registered. */
  readonly me: { readonly roleOrdinal: number; readonly weights: Weights } | undefined;
  /** The epochs from which each validator is active. */
  readonly validatorsActiveFrom: readonly bigint[];
  /** Ascending. */
  readonly epochs: readonly EpochFacts[];
  readonly vote: (epoch: bigint) => VoteFacts | undefined;
  /** Whether an entry that was dispatched in the epoch waits for a set. */
  readonly hasEntries: (epoch: bigint) => boolean;
  /** The epoch whose ledger is held; undefined before the first report. */
  readonly ledgerEpoch: bigint | undefined;
  /** Whether the manifest of the epoch is the one that this validator is bound to, or may still bind itself to. */
  readonly mayAttest: (epoch: EpochFacts) => boolean;
  /** Whether this validator has put an attestation of the epoch on record: then no other manifest may take its place. */
  readonly isBound: (epoch: bigint) => boolean;
  /** Whether a root vote for the epoch and attempt is on record, so that it can be revealed. */
  readonly hasRootVote: (epoch: bigint, attempt: number) => boolean;
  /** Whether a participant's lifetime grew beyond what its account has synced, among those that are this validator's turn. */
  readonly hasClaims: boolean;
  /** P-22: epochs, of any age, of which this validator's votes may be closed. */
  readonly endedVotes: readonly bigint[];
  /** Whether the epoch's entries are still to be gone through for records that exclude each other. */
  readonly mustSearch: (epoch: bigint) => boolean;
  /** Whether the epoch's set, which somebody attested, is still to be gone through for records that no worker signed. */
  readonly mustCheckSet: (epoch: EpochFacts) => boolean;
  /** Whether reports that were revealed for the epoch are still to be compared. */
  readonly mustCompare: (epoch: EpochFacts) => boolean;
  /** Whether something was found that is not all on chain. */
  readonly hasFindings: boolean;
  /** Whether a case may be executed in this validator's turn. */
  readonly hasCases: boolean;
  /** Whether to look for challenges: who leaves one of its own report unanswered is slashed (P-50). */
  readonly mustAnswer: boolean;
}

/** Epochs that are looked at behind the current one. An older one that has no account is given up. */
export const WINDOW_EPOCHS = 8n;

/** V-24: how many epochs after its end an attested epoch that never became final is passed over. */
const GIVE_UP_EPOCHS = 4n;

/** How many slots each validator in turn leaves the one before it, where anyone may act. */
const TURN_SLOTS = 4n;

/** How many slots at least a manifest or a list of verdicts has to find its votes: as many as transactions take on a busy machine. */
const REPLACE_AFTER_SLOTS = 24n;

/** What this validator ought to do now, oldest epoch first. A pure function, so that every case stands in a table of tests. */
export function nextDuties(state: DutyState): readonly Duty[] {
  const { config, slot } = state;
  const { epochZeroSlot } = config;
  if (epochZeroSlot === undefined || slot < epochZeroSlot) return [];
  const current = (slot - epochZeroSlot) / config.parameters.slotsPerEpoch;
  const duties: Duty[] = [];
  if (config.lastFinalisedEpoch !== state.ledgerEpoch && config.lastFinalisedEpoch !== undefined) {
    duties.push({ kind: 'catchUp', epoch: config.lastFinalisedEpoch });
  }
  const { me } = state;
  if (me === undefined) return duties;
  const closing = epochToClose(state, current);
  if (closing !== undefined && isActiveIn(me, closing)) duties.push({ kind: 'close', epoch: closing });
  for (const account of state.epochs) {
    if (account.epoch < current && isActiveIn(me, account.epoch))
      duties.push(...epochDuties(state, account, me.roleOrdinal));
  }
  if (state.hasClaims && state.ledgerEpoch !== undefined && state.ledgerEpoch === config.lastFinalisedEpoch) {
    duties.push({ kind: 'claim', epoch: state.ledgerEpoch });
  }
  duties.push(...state.endedVotes.map((epoch): Duty => ({ kind: 'closeVote', epoch })));
  duties.push(...disputeDuties(state, current));
  return duties;
}

/** P-45: whether the chain takes evidence against reports of an epoch: one won, or the epoch is passed over and nothing more will be revealed. */
export function isProvable({ epoch, state }: EpochFacts, lastFinalisedEpoch: bigint | undefined): boolean {
  return state === 'reported' || state === 'finalised' || (state === 'verdicts' && (lastFinalisedEpoch ?? -1n) > epoch);
}

/**
 * P-48, V-36: whether evidence against a set is taken: somebody attested it, and it is not final for long. When an epoch became final
 * is not known here; the earliest possible end of the time is near enough, since sets are gone through before they are final. Who
 * was not active in an epoch leaves it to those who were, so that a newcomer does not fetch old sets.
 */
function isCheckable({ me, config }: DutyState, { epoch, state, attestedStake }: EpochFacts, current: bigint): boolean {
  if (me === undefined || !isActiveIn(me, epoch)) return false;
  if (state === 'finalised') return current <= epoch + parametersIn(config, epoch).evidenceEpochs;
  return state !== 'closed' || attestedStake > 0n;
}

/** V-30 to V-36: looking for evidence, bringing it, and executing what others brought. After all votes, which are in time or lost. */
function disputeDuties(state: DutyState, current: bigint): readonly Duty[] {
  const ended = state.epochs.filter(({ epoch, state: phase }) => epoch < current && phase !== 'closed');
  return [
    ...(state.mustAnswer ? [{ kind: 'answerChallenges', epoch: current } as const] : []),
    ...ended.filter(({ epoch }) => state.mustSearch(epoch)).map(({ epoch }): Duty => ({ kind: 'searchSet', epoch })),
    ...state.epochs
      .filter((one) => one.epoch < current && isCheckable(state, one, current) && state.mustCheckSet(one))
      .map(({ epoch }): Duty => ({ kind: 'checkSet', epoch })),
    ...ended
      .filter((one) => isProvable(one, state.config.lastFinalisedEpoch) && state.mustCompare(one))
      .map(({ epoch }): Duty => ({ kind: 'compareReports', epoch })),
    ...(state.hasFindings ? [{ kind: 'showEvidence', epoch: current } as const] : []),
    ...(state.hasCases ? [{ kind: 'executeCases', epoch: current } as const] : []),
  ];
}

/** P-12: the epoch that this validator should close now: the oldest one behind the newest closed that has entries, or the last that ended. */
function epochToClose(state: DutyState, current: bigint): bigint | undefined {
  const { config, slot, me } = state;
  if (current === 0n || me === undefined) return undefined;
  // The escrows of carried entries are listed too (M-03), and the last final report tells which they are.
  if (state.ledgerEpoch !== config.lastFinalisedEpoch) return undefined;
  const newest = state.epochs.at(-1);
  const settled = newest?.epoch ?? config.lastFinalisedEpoch ?? -1n;
  // A manifest that nobody attests is replaced in a later turn; not by who is bound to it and whose vote may be on its way.
  const isReplaceable =
    newest?.state === 'closed' &&
    newest.attestedStake === 0n &&
    !state.isBound(newest.epoch) &&
    slot >= newest.closeSlot + replaceAfter(parametersIn(config, newest.epoch).proposerWindowSlots);
  const oldest = isReplaceable ? settled : settled + 1n;
  const last = current - 1n;
  let epoch = oldest > last - WINDOW_EPOCHS ? oldest : last - WINDOW_EPOCHS;
  if (epoch < 0n) epoch = 0n;
  while (epoch < last && !isReplaceable && !state.hasEntries(epoch) && !(epoch > 0n && state.hasEntries(epoch - 1n)))
    epoch++;
  if (epoch > last) return undefined;
  const { closeDelaySlots, proposerWindowSlots } = parametersIn(config, epoch);
  const begin = firstSlotOfEpoch(clockOf(config), epoch + 1n) + closeDelaySlots;
  if (slot < begin) return undefined;
  // The chain counts the validators of the epoch before the current one, whichever ended epoch is closed.
  const count = BigInt(state.validatorsActiveFrom.filter((from) => from <= last).length);
  const attempt = (slot - begin) / proposerWindowSlots;
  if (count === 0n || BigInt(me.roleOrdinal) !== (epoch + attempt) % count) return undefined;
  if (newest !== undefined && newest.epoch === epoch) {
    const usedAttempt = (newest.closeSlot - begin) / proposerWindowSlots;
    if (attempt <= usedAttempt) return undefined;
  }
  return epoch;
}

function replaceAfter(proposerWindowSlots: bigint): bigint {
  return proposerWindowSlots > REPLACE_AFTER_SLOTS ? proposerWindowSlots : REPLACE_AFTER_SLOTS;
}

function clockOf(config: ConfigFacts): { readonly epochZeroSlot: bigint | undefined; readonly slotsPerEpoch: bigint } {
  return { epochZeroSlot: config.epochZeroSlot, slotsPerEpoch: config.parameters.slotsPerEpoch };
}

/** P-18: after two thirds have sealed, so many slots remain for the others. */
const SEAL_SLOTS = 8n;

function epochDuties(state: DutyState, account: EpochFacts, roleOrdinal: number): readonly Duty[] {
  const { slot, config } = state;
  const { epoch } = account;
  const parameters = parametersIn(config, epoch);
  const vote = state.vote(epoch);
  const duty = (kind: DutyKind, about?: string): Duty => ({ kind, epoch, ...(about === undefined ? {} : { about }) });
  const duties: Duty[] = [];
  const saltsCount = account.state === 'closed' || slot <= account.attestedSlot + parameters.saltRevealSlots;
  const hasQuorum = 3n * account.sealedStake > 2n * account.totalStake;
  const isOpen = account.sealedStake === account.totalStake || slot > account.sealsSlot + SEAL_SLOTS;
  const isSealed = vote?.sealed === true && vote.sealAttempt === account.verdictAttempt;
  switch (account.state) {
    case 'closed':
    case 'attested':
      if (vote?.attested !== true && saltsCount && state.mayAttest(account))
        duties.push(duty('attest', toHex(account.manifestHash)));
      if (account.state === 'attested' && saltsCount && vote?.attested === true && !vote.saltRevealed) {
        duties.push(duty('revealSalt'));
      }
      if (account.state === 'attested' && isMyTurn(state, account, account.beaconTargetSlot + 1n, roleOrdinal)) {
        duties.push(duty('recordBeacon'));
      }
      break;
    case 'beacon':
      duties.push(duty('audit'));
      if (isNext(state, account) && isVerdictProposer(state, account, roleOrdinal)) duties.push(duty('postVerdicts'));
      break;
    case 'verdicts':
      if (!hasQuorum && isNext(state, account) && isVerdictProposer(state, account, roleOrdinal))
        duties.push(duty('postVerdicts'));
      if (!isSealed && isNext(state, account)) duties.push(duty('seal', `attempt ${account.verdictAttempt}`));
      if (hasQuorum && isOpen && canReveal(state, account, isSealed)) duties.push(duty('revealRoot'));
      break;
    case 'reported':
      if (canReveal(state, account, isSealed)) duties.push(duty('revealRoot'));
      if (account.settledCount < account.escrowCount) {
        if (isMyTurn(state, account, account.quorumSlot, roleOrdinal)) duties.push(duty('settle'));
      } else if (isMyTurn(state, account, account.quorumSlot + parameters.challengeSlots, roleOrdinal)) {
        duties.push(duty('finalise'));
      }
      break;
  }
  return duties;
}

function canReveal(state: DutyState, account: EpochFacts, isSealed: boolean): boolean {
  const vote = state.vote(account.epoch);
  return isSealed && vote?.revealed !== true && state.hasRootVote(account.epoch, account.verdictAttempt);
}

/** Where anyone may act, validators take turns from `from` on, so that they do not all pay for the same transaction. */
function isMyTurn(state: DutyState, account: EpochFacts, from: bigint, roleOrdinal: number): boolean {
  const count = BigInt(account.validatorCount);
  if (count === 0n) return false;
  const rank = (((BigInt(roleOrdinal) - account.epoch) % count) + count) % count;
  return state.slot >= from + rank * TURN_SLOTS;
}

/** P-16: whose turn it is to post the verdicts, or to replace a list that found no quorum in a whole window. */
function isVerdictProposer(state: DutyState, account: EpochFacts, roleOrdinal: number): boolean {
  const { auditSlots, proposerWindowSlots } = parametersIn(state.config, account.epoch);
  const begin = account.beaconTargetSlot + auditSlots;
  if (state.slot < begin || account.validatorCount === 0) return false;
  if (account.state === 'verdicts' && state.slot < account.verdictsSlot + replaceAfter(proposerWindowSlots))
    return false;
  const attempt = (state.slot - begin) / proposerWindowSlots;
  // The chain keeps the last attempt plus one, 0 before the first.
  if (account.state === 'verdicts' && attempt < BigInt(account.verdictAttempt)) return false;
  return BigInt(roleOrdinal) === (account.epoch + attempt) % BigInt(account.validatorCount);
}

/** V-24: a report follows on the last final one, so an attested epoch before this one must become final, or be given up, first. */
function isNext(state: DutyState, account: EpochFacts): boolean {
  if (state.ledgerEpoch !== state.config.lastFinalisedEpoch) return false;
  return state.epochs.every((other) => {
    if (other.epoch >= account.epoch || other.state === 'closed' || other.state === 'finalised') return true;
    const givenUpAt = firstSlotOfEpoch(clockOf(state.config), other.epoch + 1n + GIVE_UP_EPOCHS);
    return other.state !== 'reported' && state.slot >= givenUpAt;
  });
}
