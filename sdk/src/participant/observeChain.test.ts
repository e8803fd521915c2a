import { expect, test } from 'vitest';
import { clusterPreset } from '../clusters/index.ts';
import { type ConfigAccount, NONE, type ParticipantAccount } from '../program/index.ts';
import { CHAIN_PARAMETERS } from '../protocol/index.ts';
import { metrics } from '../runtime/index.ts';
import { observeChain } from './observeChain.ts';

const { chain } = clusterPreset('localnet');
const parameters = CHAIN_PARAMETERS.map((name) => chain[name]);
const participant = new Uint8Array(32).fill(7);

test('the chain as it is seen, and the own account', async () => {
  const registry = metrics({ processMetrics: false });
  let slot = 90n;
  let lastFinalisedEpoch = NONE;
  let atMs = 1_000;
  const listeners = new Set<(slot: bigint) => void>();
  let isSilent = false;
  const stop = observeChain(registry, {
    view: {
      slot: () => slot,
      epoch: () => (slot < 100n ? undefined : (slot - 100n) / chain.slotsPerEpoch),
      config: () => ({ lastFinalisedEpoch, epochZeroSlot: 100n, parameters }) as unknown as ConfigAccount,
      participant: (address) =>
        address === participant
          ? ({ ownUnits: 5_000n, slashIndex: 1n << 60n, lifetimePaid: 70n } as unknown as ParticipantAccount)
          : undefined,
      staleness: () => ({ ageMs: 250, error: undefined }),
      onSlot(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    participant,
    balance: async () => {
      if (isSilent) throw new Error('The node is silent.');
      return 123n;
    },
    now: () => atMs,
  });
  const sample = async (): Promise<Readonly<Record<string, number>>> =>
    Object.fromEntries(
      (await registry.text())
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => line.replace('karmesh_', '').split(' '))
        .map(([name, value]) => [name, Number(value)]),
    );
  const look = async (): Promise<void> => {
    for (const tell of listeners) tell(slot);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const shown = {
    chain_height_slots: 90,
    chain_view_age_seconds: 0.25,
    chain_slot_age_seconds: 0,
    chain_begun_epochs: 0,
    chain_finalised_epochs: 0,
    chain_epoch_left_slots: 0,
    participant_bond_lamports: 5_000,
    participant_paid_lamports: 70,
    identity_balance_lamports: Number.NaN,
  };
  expect(await sample()).toEqual(shown);

  slot = 100n + chain.slotsPerEpoch + 3n;
  lastFinalisedEpoch = 0n;
  atMs = 2_000;
  await look();
  atMs = 3_500;
  expect(await sample()).toEqual({
    ...shown,
    chain_height_slots: Number(slot),
    chain_slot_age_seconds: 1.5,
    chain_begun_epochs: 2,
    chain_finalised_epochs: 1,
    chain_epoch_left_slots: Number(chain.slotsPerEpoch) - 3,
    identity_balance_lamports: 123,
  });

  // Within half a minute it is not asked again; then the node fails, and an old number would mislead.
  isSilent = true;
  await look();
  expect(await sample()).toMatchObject({ identity_balance_lamports: 123 });
  atMs = 40_000;
  await look();
  expect(await sample()).toMatchObject({ identity_balance_lamports: Number.NaN });
  stop();
  expect(listeners.size).toBe(0);
});
