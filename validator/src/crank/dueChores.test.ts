import {
  type BallotAccount,
  type EpochAccount,
  NONE,
  PROPOSAL_KIND,
  type ProposalAccount,
  type VoteAccount,
} from '@karmesh/sdk/program';
import { CHAIN_PARAMETERS } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { type ChoreState, dueChores, isOld } from './dueChores.ts';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const EPOCH_SLOTS = 100n;
const parameters = CHAIN_PARAMETERS.map((name) =>
  name === 'slotsPerEpoch' ? EPOCH_SLOTS : name === 'evidenceEpochs' ? 2n : 0n,
);

/** Epoch 80 of a cluster of four, in its slot `into`; this validator is the second. */
function state(given: Partial<ChoreState>, into = 50n): ChoreState {
  return {
    now: { slot: 80n * EPOCH_SLOTS + into, slotMs: 400, epochZeroSlot: 0n, slotsPerEpoch: EPOCH_SLOTS },
    config: { parameters, changes: [], lastFinalisedEpoch: 79n, validatorCount: 4 },
    roleOrdinal: 1,
    identities: [key(1), key(2)],
    votes: [],
    epochs: [],
    votesOfOld: [],
    proposals: [],
    ballots: [],
    ...given,
  };
}

const proposal = (given: Partial<ProposalAccount>): ProposalAccount => ({
  address: key(9),
  proposer: key(8),
  payer: key(7),
  recipient: key(0),
  nonce: 0n,
  value: 1n,
  epoch: 70n,
  totalStake: 4n,
  yesStake: 3n,
  passedEpoch: 71n,
  executableFromEpoch: 80n,
  index: 21,
  kind: PROPOSAL_KIND.parameter,
  executed: 0,
  bump: 0,
  ...given,
});
const kinds = (given: Partial<ChoreState>, into?: bigint): readonly string[] =>
  dueChores(state(given, into)).map(({ kind }) => kind);

test('P-36: a passed proposal is executed in turns, in time, and by nobody before', () => {
  // The rank of the second of four in epoch 80 is 1: sixteen slots after the first.
  expect(kinds({ proposals: [proposal({})] }, 15n)).toEqual([]);
  expect(kinds({ proposals: [proposal({})] }, 16n)).toEqual(['executeProposal']);
  expect(kinds({ proposals: [proposal({ executableFromEpoch: 81n })] })).toEqual([]);
  expect(kinds({ proposals: [proposal({ passedEpoch: NONE, executableFromEpoch: NONE })] })).toEqual([]);
  expect(kinds({ proposals: [proposal({ executableFromEpoch: 15n })] })).toEqual([]);
  const pause = { kind: PROPOSAL_KIND.pause };
  expect(kinds({ proposals: [proposal({ ...pause, executableFromEpoch: 72n })] })).toEqual(['executeProposal']);
  expect(kinds({ proposals: [proposal({ ...pause, executableFromEpoch: 71n })] })).toEqual([]);
});

test('P-36: a proposal that is over is closed by whose identity paid for it, an older one of the same validator too', () => {
  expect(kinds({ proposals: [proposal({ executed: 1 })] })).toEqual([]);
  for (const payer of [key(1), key(2)])
    expect(kinds({ proposals: [proposal({ executed: 1, payer })] })).toEqual(['closeProposal']);
  expect(kinds({ proposals: [proposal({ executed: 1, payer: key(1), epoch: 80n })] })).toEqual([]);
  const failed = { payer: key(1), passedEpoch: NONE, executableFromEpoch: NONE };
  expect(kinds({ proposals: [proposal({ ...failed, epoch: 15n })] })).toEqual(['closeProposal']);
  expect(kinds({ proposals: [proposal({ ...failed, epoch: 16n })] })).toEqual([]);
});

test('P-36: a ballot ends with its proposal, or when another one has its address', () => {
  const ballot = { address: key(5), proposal: key(9), epoch: 70n } as BallotAccount;
  const open = { passedEpoch: NONE, executableFromEpoch: NONE };
  expect(kinds({ ballots: [ballot], proposals: [proposal(open)] })).toEqual([]);
  expect(kinds({ ballots: [ballot], proposals: [] })).toEqual(['closeBallot']);
  expect(kinds({ ballots: [ballot], proposals: [proposal({ ...open, epoch: 75n })] })).toEqual(['closeBallot']);
  expect(kinds({ ballots: [ballot], proposals: [proposal({ executed: 1 })] })).toEqual(['closeBallot']);
});

test('P-22: a vote ends when its time for evidence is over, not before and not while its epoch may become final', () => {
  const vote = { address: key(4) } as VoteAccount;
  const still = { faultSlot: 0n, heldUntilSlot: 0n };
  const epoch = (given: Partial<EpochAccount>) =>
    ({ epoch: 77n, state: 6, faults: 0, finalisedSlot: 78n * EPOCH_SLOTS, ...still, ...given }) as EpochAccount;
  const due = (given: Partial<EpochAccount>) => kinds({ votes: [{ vote, epoch: epoch(given) }] });
  expect(due({})).toEqual(['closeVote']);
  expect(due({ finalisedSlot: 79n * EPOCH_SLOTS })).toEqual([]);
  expect(due({ faults: 1, faultSlot: 79n * EPOCH_SLOTS })).toEqual([]);
  // P-49: a challenge holds votes open, here by a slot.
  expect(due({ heldUntilSlot: 80n * EPOCH_SLOTS + 51n })).toEqual([]);
  expect(due({ heldUntilSlot: 80n * EPOCH_SLOTS + 50n })).toEqual(['closeVote']);
  expect(due({ state: 5 })).toEqual(['closeVote']);
  expect(due({ state: 5, epoch: 79n })).toEqual([]);
  expect(kinds({ votes: [{ vote, epoch: undefined }] })).toEqual([]);
});

test('P-51: an epoch ends once 64 later ones lie behind it and its votes have ended', () => {
  const epoch = (number: bigint, openVotes: number) => ({ address: key(3), epoch: number, openVotes }) as EpochAccount;
  expect(kinds({ epochs: [epoch(15n, 0), epoch(16n, 0), epoch(15n, 1)] })).toEqual(['closeEpochAccount']);
  expect(isOld(epoch(15n, 1), { lastFinalisedEpoch: NONE })).toBe(false);
  expect(kinds({ votesOfOld: [{ address: key(4) } as VoteAccount] })).toEqual(['closeVote']);
});

test('before epoch 0 nothing is due', () => {
  const now = { ...state({}).now, epochZeroSlot: undefined };
  expect(kinds({ now, proposals: [proposal({ executed: 1, payer: key(1) })] })).toEqual([]);
});
