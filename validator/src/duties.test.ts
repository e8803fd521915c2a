import { clusterPreset } from '@karmesh/sdk/clusters';
import { constantWeight, ZERO_HASH } from '@karmesh/sdk/protocol';
import { describe, expect, test } from 'vitest';
import type { ConfigFacts, EpochFacts, VoteFacts } from './chain/chainReader.ts';
import { type DutyState, nextDuties } from './duties.ts';
import { named } from './fixtures/market.ts';

// Localnet: epochs of 150 slots from slot 1000; closing from slot 1154 on for epoch 0, windows of 8 slots, four validators.
const config: ConfigFacts = {
  epochZeroSlot: 1000n,
  lastFinalisedEpoch: undefined,
  lastRoot: ZERO_HASH,
  offchainParametersHash: ZERO_HASH,
  parameters: clusterPreset('localnet').chain,
  changes: [],
};

function account(changes: Partial<EpochFacts> = {}): EpochFacts {
  return {
    epoch: 0n,
    state: 'closed',
    totalStake: 40n,
    validatorCount: 4,
    manifestHash: ZERO_HASH,
    receiptSetRoot: ZERO_HASH,
    closeSlot: 1155n,
    proposer: named('proposer'),
    attestedStake: 0n,
    attestedSlot: 0n,
    beaconTargetSlot: 0n,
    beacon: ZERO_HASH,
    verdictsRoot: ZERO_HASH,
    verdictCount: 0,
    verdictAttempt: 0,
    verdictsSlot: 0n,
    verdictsProposer: named('proposer'),
    sealedStake: 0n,
    sealsSlot: 0n,
    reportHash: ZERO_HASH,
    root: ZERO_HASH,
    priorRoot: ZERO_HASH,
    escrowCount: 0,
    settledCount: 0,
    quorumSlot: 0n,
    openChallenges: 0,
    ...changes,
  };
}

const noVote: VoteFacts = {
  attested: false,
  saltRevealed: false,
  sealed: false,
  revealed: false,
  sealAttempt: 0,
  saltHash: ZERO_HASH,
  seal: ZERO_HASH,
};
const attested: VoteFacts = { ...noVote, attested: true };
const sealed: VoteFacts = { ...attested, saltRevealed: true, sealed: true, sealAttempt: 1 };
const attestedAccount = account({
  state: 'attested',
  attestedSlot: 1160n,
  beaconTargetSlot: 1192n,
  attestedStake: 30n,
});
const beaconAccount = account({ ...attestedAccount, state: 'beacon' });
const verdictsAccount = account({ ...beaconAccount, state: 'verdicts', verdictsSlot: 1213n, verdictAttempt: 1 });
const reportedAccount = account({ ...verdictsAccount, state: 'reported', sealedStake: 30n, quorumSlot: 1220n });

interface Case {
  readonly name: string;
  readonly slot: bigint;
  readonly ordinal?: number;
  readonly epochs?: readonly EpochFacts[];
  readonly vote?: VoteFacts;
  readonly state?: Partial<DutyState>;
  readonly duties: readonly string[];
}

const finalised: ConfigFacts = { ...config, lastFinalisedEpoch: 0n };

const cases: readonly Case[] = [
  { name: 'nothing before epoch 0', slot: 999n, duties: [] },
  { name: 'nothing while the first epoch lasts', slot: 1149n, duties: [] },
  { name: 'nothing for who is not registered', slot: 1160n, state: { me: undefined }, duties: [] },
  { name: 'P-12: no close before the delay', slot: 1153n, duties: [] },
  { name: 'P-12: the first proposer closes', slot: 1154n, duties: ['close 0'] },
  { name: 'P-12: the second waits its window', slot: 1154n, ordinal: 1, duties: [] },
  { name: 'P-12: the second closes in its window', slot: 1162n, ordinal: 1, duties: ['close 0'] },
  {
    name: 'P-36: a vote for longer windows does not move the turns of an epoch before it',
    slot: 1162n,
    ordinal: 1,
    state: {
      config: {
        ...config,
        parameters: { ...config.parameters, closeDelaySlots: 40n, proposerWindowSlots: 90n },
        changes: [
          { index: 2n, fromEpoch: 1n, before: config.parameters.proposerWindowSlots },
          { index: 1n, fromEpoch: 1n, before: config.parameters.closeDelaySlots },
        ],
      },
    },
    duties: ['close 0'],
  },
  { name: 'P-12: turns go round', slot: 1186n, ordinal: 0, duties: ['close 0'] },
  {
    name: 'P-12: a closed epoch is not closed again',
    slot: 1156n,
    epochs: [account()],
    duties: [`attest 0 ${'0'.repeat(64)}`],
  },
  {
    name: 'P-12: a manifest that nobody attests is replaced in a later turn',
    slot: 1179n,
    ordinal: 3,
    epochs: [account()],
    duties: ['close 0', `attest 0 ${'0'.repeat(64)}`],
  },
  {
    name: 'M-03: no close while the last final report is not held',
    slot: 1304n,
    ordinal: 1,
    state: { config: finalised, ledgerEpoch: undefined },
    duties: ['catchUp 0'],
  },
  {
    name: 'P-12: its votes get time to arrive',
    slot: 1178n,
    ordinal: 3,
    epochs: [account()],
    vote: attested,
    duties: [],
  },
  {
    name: 'V-05: who is bound to a manifest does not replace it',
    slot: 1179n,
    ordinal: 3,
    epochs: [account()],
    vote: attested,
    state: { isBound: () => true },
    duties: [],
  },
  {
    name: 'P-12: epochs without entries are passed over up to the last',
    slot: 1000n + 450n + 4n,
    ordinal: 2,
    duties: ['close 2'],
  },
  {
    name: 'P-12: an older epoch with entries is closed first',
    slot: 1000n + 450n + 4n + 3n * 8n,
    ordinal: 2,
    state: { hasEntries: (epoch) => epoch === 1n },
    duties: ['close 1'],
  },
  {
    name: 'P-13: no attestation against the own record',
    slot: 1156n,
    epochs: [account()],
    state: { mayAttest: () => false },
    duties: [],
  },
  { name: 'P-13: what is attested is done', slot: 1156n, epochs: [account()], vote: attested, duties: [] },
  {
    name: 'P-13: late attestations count until the salts',
    slot: 1176n,
    epochs: [attestedAccount],
    duties: [`attest 0 ${'0'.repeat(64)}`],
  },
  { name: 'P-13: not later', slot: 1177n, epochs: [attestedAccount], duties: [] },
  { name: 'P-14: the salt after R', slot: 1161n, epochs: [attestedAccount], vote: attested, duties: ['revealSalt 0'] },
  { name: 'P-14: not after its time', slot: 1177n, epochs: [attestedAccount], vote: attested, duties: [] },
  {
    name: 'P-14: once',
    slot: 1161n,
    epochs: [attestedAccount],
    vote: { ...attested, saltRevealed: true },
    duties: [],
  },
  {
    name: 'P-15: the first records the beacon',
    slot: 1193n,
    epochs: [attestedAccount],
    vote: attested,
    duties: ['recordBeacon 0'],
  },
  {
    name: 'P-15: the others leave it to the first',
    slot: 1196n,
    ordinal: 1,
    epochs: [attestedAccount],
    vote: attested,
    duties: [],
  },
  {
    name: 'P-15: and step in',
    slot: 1197n,
    ordinal: 1,
    epochs: [attestedAccount],
    vote: attested,
    duties: ['recordBeacon 0'],
  },
  { name: 'U-02: audits from the beacon on', slot: 1195n, epochs: [beaconAccount], duties: ['audit 0'] },
  {
    name: 'P-16: the proposer posts verdicts',
    slot: 1212n,
    epochs: [beaconAccount],
    duties: ['audit 0', 'postVerdicts 0'],
  },
  { name: 'P-16: the others wait', slot: 1212n, ordinal: 3, epochs: [beaconAccount], duties: ['audit 0'] },
  {
    name: 'P-17: a seal over posted verdicts',
    slot: 1214n,
    epochs: [verdictsAccount],
    vote: attested,
    duties: ['seal 0 attempt 1'],
  },
  { name: 'P-17: one seal an attempt', slot: 1214n, epochs: [verdictsAccount], vote: sealed, duties: [] },
  {
    name: 'P-17: a seal of an earlier attempt does not count',
    slot: 1222n,
    epochs: [{ ...verdictsAccount, verdictAttempt: 2 }],
    vote: sealed,
    duties: ['seal 0 attempt 2'],
  },
  {
    name: 'P-16: verdicts that find no quorum are replaced by a later proposer',
    slot: 1237n,
    ordinal: 3,
    epochs: [verdictsAccount],
    vote: sealed,
    duties: ['postVerdicts 0'],
  },
  {
    name: 'P-16: their seals get time to arrive',
    slot: 1236n,
    ordinal: 3,
    epochs: [verdictsAccount],
    vote: sealed,
    duties: [],
  },
  {
    name: 'P-16: never once two thirds sealed',
    slot: 1237n,
    ordinal: 3,
    epochs: [{ ...verdictsAccount, sealedStake: 30n }],
    vote: { ...sealed, revealed: true },
    duties: [],
  },
  {
    name: 'P-17: no seal while the last final report is not held',
    slot: 1000n + 300n + 80n,
    epochs: [{ ...verdictsAccount, epoch: 1n }],
    state: { config: finalised, ledgerEpoch: undefined },
    duties: ['catchUp 0'],
  },
  {
    name: 'V-24: no seal while an earlier attested epoch is not final',
    slot: 1000n + 300n + 70n,
    ordinal: 3,
    epochs: [attestedAccount, { ...verdictsAccount, epoch: 1n, verdictsSlot: 1369n }],
    vote: sealed,
    state: { hasRootVote: () => false },
    duties: ['recordBeacon 0'],
  },
  {
    name: 'V-24: the earlier one is given up after four epochs',
    slot: 1000n + 750n,
    ordinal: 3,
    epochs: [
      { ...verdictsAccount, sealedStake: 30n },
      { ...verdictsAccount, epoch: 1n, sealedStake: 30n },
    ],
    vote: attested,
    duties: ['seal 0 attempt 1', 'seal 1 attempt 1'],
  },
  {
    name: 'P-18: the report is shown once two thirds sealed and the others had their time',
    slot: 1216n,
    epochs: [{ ...verdictsAccount, sealedStake: 30n, sealsSlot: 1207n }],
    vote: sealed,
    duties: ['revealRoot 0'],
  },
  {
    name: 'P-18: the others have eight slots',
    slot: 1216n,
    epochs: [{ ...verdictsAccount, sealedStake: 30n, sealsSlot: 1208n }],
    vote: sealed,
    duties: [],
  },
  {
    name: 'P-18: unless all have sealed',
    slot: 1216n,
    epochs: [{ ...verdictsAccount, sealedStake: verdictsAccount.totalStake, sealsSlot: 1216n }],
    vote: sealed,
    duties: ['revealRoot 0'],
  },
  {
    name: 'P-18: only what is on record can be shown',
    slot: 1216n,
    epochs: [{ ...verdictsAccount, sealedStake: 30n }],
    vote: sealed,
    state: { hasRootVote: () => false },
    duties: [],
  },
  {
    name: 'P-18: a late reveal is still a duty',
    slot: 1221n,
    ordinal: 3,
    epochs: [reportedAccount],
    vote: sealed,
    duties: ['revealRoot 0'],
  },
  {
    name: 'P-19: settlements by turn',
    slot: 1220n,
    epochs: [{ ...reportedAccount, escrowCount: 2, settledCount: 1 }],
    vote: { ...sealed, revealed: true },
    duties: ['settle 0'],
  },
  {
    name: 'P-20: not before the challenge window ends',
    slot: 1227n,
    epochs: [reportedAccount],
    vote: { ...sealed, revealed: true },
    duties: [],
  },
  {
    name: 'P-20: final by turn',
    slot: 1228n,
    epochs: [reportedAccount],
    vote: { ...sealed, revealed: true },
    duties: ['finalise 0'],
  },
  {
    name: 'P-21, P-22: claims, and votes of any age whose time is over',
    slot: 1230n,
    epochs: [{ ...reportedAccount, state: 'finalised' }],
    vote: sealed,
    state: { config: finalised, ledgerEpoch: 0n, hasClaims: true, endedVotes: [0n, 7n] },
    duties: ['claim 0', 'closeVote 0', 'closeVote 7'],
  },
  {
    name: 'P-22: the vote of a final epoch stays while its time for evidence lasts',
    slot: 1230n,
    epochs: [{ ...reportedAccount, state: 'finalised' }],
    vote: sealed,
    state: { config: finalised, ledgerEpoch: 0n },
    duties: [],
  },
  {
    name: 'V-22: a validator that lags catches up first',
    slot: 1230n,
    epochs: [{ ...reportedAccount, state: 'finalised' }],
    state: { config: finalised, ledgerEpoch: undefined, hasClaims: true },
    duties: ['catchUp 0'],
  },
  {
    name: 'V-30: the entries of an attested set are gone through once, also of a final epoch',
    slot: 1230n,
    epochs: [
      { ...reportedAccount, state: 'finalised' },
      { ...attestedAccount, epoch: 1n },
    ],
    state: { config: finalised, ledgerEpoch: 0n, mustSearch: (epoch) => epoch === 0n },
    duties: ['searchSet 0'],
  },
  {
    name: 'P-48, V-36: a set is gone through once somebody attested it, by who was active in its epoch',
    slot: 1530n,
    epochs: [
      { ...attestedAccount, validatorCount: 0 },
      account({ epoch: 1n, attestedStake: 10n }),
      account({ epoch: 2n }),
    ],
    vote: { ...noVote, saltRevealed: true },
    state: { mayAttest: () => false, mustCheckSet: ({ epoch }) => epoch !== 7n },
    duties: ['checkSet 0', 'checkSet 1'],
  },
  {
    name: 'V-36: who was not active in the epoch leaves its set to those who were',
    slot: 1530n,
    epochs: [attestedAccount, account({ epoch: 3n })],
    state: {
      me: { roleOrdinal: 3, weights: constantWeight(1n, 3n) },
      mayAttest: () => false,
      mustCheckSet: () => true,
    },
    duties: [],
  },
  {
    name: 'P-48, V-36: the set of a final epoch is gone through as long as evidence may be taken',
    slot: 1530n,
    epochs: [0n, 1n, 2n].map((epoch) => ({ ...reportedAccount, epoch, state: 'finalised' as const })),
    state: {
      config: {
        ...finalised,
        lastFinalisedEpoch: 2n,
        parameters: { ...config.parameters, evidenceEpochs: 2n },
      },
      ledgerEpoch: 2n,
      mustCheckSet: () => true,
    },
    duties: ['checkSet 1', 'checkSet 2'],
  },
  {
    name: 'V-31: reports are compared once one has two thirds, and once more when it is final',
    slot: 1230n,
    epochs: [{ ...reportedAccount, state: 'finalised' }],
    state: { config: finalised, ledgerEpoch: 0n, mustCompare: () => true },
    duties: ['compareReports 0'],
  },
  {
    name: 'V-32, V-34: what was found is shown and what is due is executed, behind everything else',
    slot: 1230n,
    epochs: [{ ...reportedAccount, state: 'finalised' }],
    vote: sealed,
    state: {
      ...{ config: finalised, ledgerEpoch: 0n, hasClaims: true, endedVotes: [0n] },
      ...{ hasFindings: true, hasCases: true, mustAnswer: true },
    },
    duties: ['claim 0', 'closeVote 0', 'answerChallenges 1', 'showEvidence 1', 'executeCases 1'],
  },
];

describe('what a validator ought to do', () => {
  test.each(cases)('$name', ({ slot, ordinal = 0, epochs = [], vote, state, duties }) => {
    const whole: DutyState = {
      slot,
      config,
      me: { roleOrdinal: ordinal, weights: constantWeight(1n) },
      validatorsActiveFrom: [0n, 0n, 0n, 0n],
      epochs,
      vote: () => vote,
      hasEntries: () => false,
      ledgerEpoch: undefined,
      mayAttest: () => true,
      isBound: () => false,
      hasRootVote: () => true,
      hasClaims: false,
      endedVotes: [],
      mustSearch: () => false,
      mustCheckSet: () => false,
      mustCompare: () => false,
      hasFindings: false,
      hasCases: false,
      mustAnswer: false,
      ...state,
    };
    expect(
      nextDuties(whole).map(({ kind, epoch, about }) => `${kind} ${epoch}${about === undefined ? '' : ` ${about}`}`),
    ).toEqual(duties);
  });
});
