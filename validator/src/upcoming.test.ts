import { clusterPreset } from '@karmesh/sdk/clusters';
import { ZERO_HASH } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import type { ConfigFacts, EpochFacts, VoteFacts } from './chain/chainReader.ts';
import { upcomingDuty } from './upcoming.ts';

const { chain: parameters } = clusterPreset('localnet');
const config: ConfigFacts = {
  epochZeroSlot: 1_000n,
  lastFinalisedEpoch: undefined,
  lastRoot: ZERO_HASH,
  offchainParametersHash: ZERO_HASH,
  parameters,
  changes: [],
};
const epochIn = (state: EpochFacts['state']): EpochFacts => ({
  epoch: 0n,
  state,
  totalStake: 4n,
  validatorCount: 4,
  manifestHash: ZERO_HASH,
  receiptSetRoot: ZERO_HASH,
  closeSlot: 1_154n,
  proposer: new Uint8Array(32),
  attestedStake: 0n,
  attestedSlot: 1_160n,
  beaconTargetSlot: 1_190n,
  beacon: ZERO_HASH,
  verdictsRoot: ZERO_HASH,
  verdictCount: 0,
  verdictAttempt: 1,
  verdictsSlot: 1_220n,
  verdictsProposer: new Uint8Array(32),
  sealedStake: 0n,
  sealsSlot: 0n,
  reportHash: ZERO_HASH,
  root: ZERO_HASH,
  priorRoot: ZERO_HASH,
  escrowCount: 0,
  settledCount: 0,
  quorumSlot: 1_240n,
  openChallenges: 0,
});
const vote: VoteFacts = {
  attested: true,
  saltRevealed: false,
  sealed: false,
  revealed: false,
  sealAttempt: 0,
  saltHash: ZERO_HASH,
  seal: ZERO_HASH,
};
const next = (slot: bigint, epochs: readonly EpochFacts[], voted?: VoteFacts, over: Partial<ConfigFacts> = {}) => {
  const found = upcomingDuty({ slot, config: { ...config, ...over }, epochs, vote: () => voted });
  return found === undefined ? undefined : `${found.duty} of ${found.epoch} from ${found.fromSlot}`;
};

test('each phase has its next duty', () => {
  const { slotsPerEpoch, closeDelaySlots, auditSlots, challengeSlots } = parameters;
  const close = (epoch: bigint) => 1_000n + (epoch + 1n) * slotsPerEpoch + closeDelaySlots;
  expect(next(900n, [], undefined, { epochZeroSlot: undefined })).toBeUndefined();
  expect(next(1_010n, [])).toBe(`close or attest of 0 from ${close(0n)}`);
  expect(next(1_000n + slotsPerEpoch, [])).toBe(`close or attest of 0 from ${close(0n)}`);
  expect(next(1_170n, [epochIn('closed')])).toBe('attest of 0 from 1170');
  expect(next(1_170n, [epochIn('attested')], vote)).toBe('reveal its salt of 0 from 1170');
  expect(next(1_170n, [epochIn('attested')], { ...vote, saltRevealed: true })).toBe('audit of 0 from 1191');
  expect(next(1_200n, [epochIn('beacon')])).toBe(`seal a report of 0 from ${1_190n + auditSlots}`);
  expect(next(1_225n, [epochIn('verdicts')], vote)).toBe('seal a report of 0 from 1225');
  expect(next(1_225n, [epochIn('verdicts')], { ...vote, sealed: true, sealAttempt: 1 })).toBe(
    'reveal its report of 0 from 1225',
  );
  expect(next(1_241n, [epochIn('reported')])).toBe(`see it final of 0 from ${1_240n + challengeSlots}`);
  expect(next(1_241n, [epochIn('finalised')], vote, { lastFinalisedEpoch: 0n })).toBe(
    `close or attest of 1 from ${close(1n)}`,
  );
});
