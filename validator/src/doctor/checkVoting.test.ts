import { clusterPreset } from '@karmesh/sdk/clusters';
import { EPOCH_STATE } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { judgeVoting, type SeenEpochs } from './checkVoting.ts';

// Localnet: epoch 7 has ended with slot 1,200; closing from slot 1,204 on in windows of 8 slots, salts for 16 slots.
const epoch = (changes: Partial<SeenEpochs['accounts'][number]>): SeenEpochs['accounts'][number] => ({
  epoch: 7n,
  state: EPOCH_STATE.beacon,
  closeSlot: 1_205n,
  attestedSlot: 1_210n,
  attestedStake: 27n,
  totalStake: 40n,
  ...changes,
});
const judge = (changes: Partial<SeenEpochs>) =>
  judgeVoting({
    ...{ slot: 1_227n, ended: [7n, 6n], validatorCount: 4, accounts: [epoch({})] },
    endSlotOf: (of) => 150n * (of + 1n),
    parametersOf: () => clusterPreset('localnet').chain,
    ...changes,
  });

test('P-13: more than two thirds of the stake have to attest, also of an epoch that waits for them', () => {
  const silent = { state: EPOCH_STATE.closed, attestedStake: 26n };
  const seen = [judge({}), judge({ accounts: [epoch(silent)] })];
  expect(seen.map(({ severity, sentence }) => `${severity}: ${sentence}`)).toEqual([
    'ok: Validators with 67.5 % of the stake attested epoch 7.',
    'warning: Only validators with 65 % of the stake attested epoch 7: no epoch becomes final without more than two thirds.',
  ]);
  expect(judge({ accounts: [epoch({ ...silent, attestedStake: 20n, totalStake: 30n })] }).severity).toBe('warning');
  expect(judge({ accounts: [epoch({ ...silent, attestedStake: 0n, totalStake: 0n })] }).severity).toBe('warning');
});

test('an epoch whose time to vote is not over is not judged; the one before it is', () => {
  const young = epoch({ state: EPOCH_STATE.closed, closeSlot: 1_211n, attestedStake: 1n });
  const before = epoch({ epoch: 6n, closeSlot: 1_055n, attestedSlot: 1_060n, attestedStake: 40n });
  expect(judge({ accounts: [young, before] }).sentence).toBe('Validators with 100 % of the stake attested epoch 6.');
  expect(judge({ accounts: [young] }).sentence).toBe('No epoch’s time to vote is over yet.');
  expect(judge({ accounts: [young], slot: 1_228n }).severity).toBe('warning');
});

test('where nobody closes an epoch that each could have closed, nobody votes', () => {
  const before = epoch({ epoch: 6n, closeSlot: 1_055n, attestedSlot: 1_060n, attestedStake: 40n });
  const [early, late] = [1_235n, 1_236n].map((slot) => judge({ accounts: [before], slot }));
  expect(early?.severity).toBe('ok');
  expect(late).toMatchObject({
    severity: 'warning',
    sentence: 'No validator has closed epoch 7, although each had its turn: no epoch becomes final.',
  });
  // With more validators than have a turn within an epoch the one before it shows it.
  expect(judge({ accounts: [], validatorCount: 20, slot: 1_214n }).sentence).toMatch(
    /^No validator has closed epoch 6,/,
  );
  expect(judge({ accounts: [epoch({})], validatorCount: 20, slot: 1_214n }).severity).toBe('ok');
  expect(judge({ ended: [], accounts: [], slot: 1_236n })).toEqual({
    severity: 'ok',
    sentence: 'No epoch has ended yet, so that nobody had to vote.',
  });
});
