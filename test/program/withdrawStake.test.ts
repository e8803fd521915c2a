import { ASSET, eventsInLogs, PROGRAM_ID, stake, unstake, withdrawStake } from '@karmesh/sdk/program';
import { WHOLE } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { namedKey } from './keys.ts';
import {
  bend,
  COOL_DOWN,
  HELD,
  nameOf,
  OFFSET,
  readStake,
  refusedWhole,
  sendStake,
  sendUnstake,
  sendWithdraw,
  slash,
  stakeWorld,
  tokenWorld,
} from './stakeSteps.ts';
import { makeTokenAccount, tokensIn } from './tokenSteps.ts';
import { lamportsOf, readConfig, readParticipant } from './world.ts';

const UNITS = 1_920n;

/** 1,920 units on their way out: ten a slot, behind the first 64 slots. */
async function leavingWorld(parameters = {}) {
  const world = await stakeWorld({ parameters });
  const { validator, staker, ledger } = world;
  await sendStake(world, validator, staker, 5_000n);
  const from = await ledger.slot();
  await sendUnstake(world, validator, staker, UNITS);
  const name = nameOf(validator, staker);
  const instruction = withdrawStake(world.addresses, name);
  return { ...world, from, name, instruction };
}

test('P-30: pays what has come to the end of its way, little by little, and in all what was staked', async () => {
  const world = await leavingWorld();
  const { ledger, validator, staker, operator, name, from, instruction } = world;
  const had = await lamportsOf(world, staker.publicKey);
  const held = await lamportsOf(world, validator.address);
  const signers = [staker];
  await refusedWhole(world, { instruction, signers }, 'NothingDue');
  await ledger.untilSlot(from + HELD);
  await refusedWhole(world, { instruction, signers }, 'NothingDue');
  await ledger.untilSlot(from + HELD + 1n);
  const { logs } = await ledger.send([instruction], [operator, staker]);

  const was = await readStake(world, name);
  expect(was).toMatchObject({ units: 3_080n, unbondingUnits: UNITS, releasedUnits: 10n, unbondingFromSlot: from });
  expect((await readParticipant(world, validator.address)).unbondingUnits).toEqual([1_910n, 0n]);
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(10n);
  expect(held - (await lamportsOf(world, validator.address))).toBe(10n);
  const data = { ...name, units: 10n, amount: 10n };
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'StakeWithdrawn', data }]);
  await refusedWhole(world, { instruction, signers }, 'NothingDue');

  await ledger.untilSlot(from + COOL_DOWN - 1n);
  await ledger.send([instruction], [operator, staker]);
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(1_910n);
  await ledger.untilSlot(from + COOL_DOWN);
  await ledger.send([instruction], [operator, staker]);
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(UNITS);
  expect(await readStake(world, name)).toEqual({
    ...was,
    unbondingUnits: 0n,
    releasedUnits: 0n,
    unbondingFromSlot: 0n,
  });
  expect((await readParticipant(world, validator.address)).unbondingUnits).toEqual([0n, 0n]);
  await refusedWhole(world, { instruction, signers }, 'NoCoolDown');
});

test('P-30: without evidence to wait for, the way out begins at once', async () => {
  const { ledger, from, instruction, operator, staker, name, ...world } = await leavingWorld({ evidenceEpochs: 0n });
  await ledger.untilSlot(from + 2n);
  await ledger.send([instruction], [operator, staker]);
  // floor(1,920 x 2 / 256)
  expect(await readStake({ ledger, operator, ...world }, name)).toMatchObject({ releasedUnits: 15n });
});

test('P-29: what was slashed on the way out is not paid, and units worth nothing still come to their end', async () => {
  const world = await leavingWorld();
  const { ledger, validator, staker, operator, name, from, instruction } = world;
  await slash(world, validator, WHOLE / 3n);
  await ledger.untilSlot(from + HELD + 1n);
  const had = await lamportsOf(world, staker.publicKey);
  await ledger.send([instruction], [operator, staker]);
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(3n);
  await slash(world, validator, 0n);
  await ledger.untilSlot(from + COOL_DOWN);
  const { logs } = await ledger.send([instruction], [operator, staker]);
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(3n);
  expect(eventsInLogs(logs, PROGRAM_ID)[0]?.data).toMatchObject({ units: 1_910n, amount: 0n });
  expect((await readStake(world, name)).unbondingUnits).toBe(0n);
});

test('P-30: refuses while an offence waits for its slash', async () => {
  const world = await leavingWorld();
  const { ledger, validator, staker, from, instruction } = world;
  await ledger.untilSlot(from + COOL_DOWN);
  await bend(world, validator.address, { offset: OFFSET.participant.openCases, value: 1n, bytes: 2 });
  await refusedWhole(world, { instruction, signers: [staker] }, 'StakeHeld');
  await bend(world, validator.address, { offset: OFFSET.participant.openCases, value: 0n, bytes: 2 });
  await sendWithdraw(world, validator, staker);
});

test('P-30: a cool-down that a vote made longer holds also what is on its way, and takes nothing back', async () => {
  const world = await leavingWorld();
  const { ledger, addresses, staker, from, instruction, operator } = world;
  await ledger.untilSlot(from + HELD + 96n);
  await ledger.send([instruction], [operator, staker]);
  const coolDown = 256 + 8 * 25;
  await bend(world, addresses.config, { offset: coolDown, value: 8n });
  expect((await readConfig(world)).parameters[25]).toBe(8n);
  await ledger.untilSlot(from + COOL_DOWN);
  // 1,920 x 192 / 448 is less than the 960 that were paid.
  await refusedWhole(world, { instruction, signers: [staker] }, 'NothingDue');
  await ledger.untilSlot(from + 2n * COOL_DOWN);
  await ledger.send([instruction], [operator, staker]);
});

test('P-30: an owner that took everything gets its bond back', async () => {
  const world = await stakeWorld();
  const { ledger, worker } = world;
  await sendUnstake(world, worker, worker.owner);
  await ledger.untilSlot((await ledger.slot()) + COOL_DOWN);
  await sendWithdraw(world, worker, worker.owner);
  expect(await lamportsOf(world, worker.address)).toBe(await ledger.rent(832));
});

test('P-30: tokens come back to an account of their staker', async () => {
  const world = await tokenWorld();
  const { ledger, addresses, validator, staker, other, operator, mint, stakerTokens, otherTokens } = world;
  const name = nameOf(validator, staker, ASSET.tokens);
  for (const [owner, tokens] of [
    [staker, stakerTokens],
    [other, otherTokens],
  ] as const) {
    const named = nameOf(validator, owner, ASSET.tokens);
    await ledger.send([stake(addresses, { ...named, stakerTokens: tokens, amount: 1_000n })], [owner]);
    await ledger.send([unstake(addresses, named)], [owner]);
  }
  await slash(world, validator, WHOLE / 2n);
  await ledger.untilSlot((await ledger.slot()) + COOL_DOWN);
  const to = await makeTokenAccount(ledger, operator, { name: 'elsewhere', mint, owner: staker.publicKey });
  const of = (tokens: Uint8Array) => withdrawStake(addresses, { ...name, stakerTokens: tokens });
  const signers = [staker];
  const swapped = async (position: number, address: Uint8Array, error: string) =>
    await refusedWhole(world, { instruction: withAccount(of(to), position, address), signers }, error);
  await swapped(4, otherTokens, 'BadTokenAccount');
  await swapped(4, addresses.tokenVault, 'BadTokenAccount');
  await swapped(4, namedKey('nothing here').publicKey, 'BadTokenAccount');
  await swapped(5, stakerTokens, 'BadTokenAccount');
  await swapped(5, otherTokens, 'BadTokenAccount');
  await swapped(6, PROGRAM_ID, 'BadPda');
  const { logs } = await ledger.send([of(to)], [staker]);
  expect(await tokensIn(ledger, to)).toBe(500n);
  expect(await tokensIn(ledger, addresses.tokenVault)).toBe(1_500n);
  expect((await readParticipant(world, validator.address)).unbondingUnits).toEqual([0n, 1_000n]);
  const data = { ...name, units: 1_000n, amount: 500n };
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'StakeWithdrawn', data }]);
  await refusedWhole(world, { instruction: of(to), signers }, 'NoCoolDown');
});

test("P-30: refuses another's signature, none and swapped accounts", async () => {
  const world = await leavingWorld();
  const { ledger, addresses, validator, staker, other, operator, from, instruction } = world;
  await ledger.untilSlot(from + COOL_DOWN);
  await refusedWhole(world, { instruction: unsigned(instruction, 0), signers: [] }, 'BadOwner');
  const swapped = async (position: number, address: Uint8Array, error: string, by = [staker]) =>
    await refusedWhole(world, { instruction: withAccount(instruction, position, address), signers: by }, error);
  await swapped(0, other.publicKey, 'BadOwner', [other]);
  await swapped(1, addresses.vault, 'BadOwner');
  await swapped(2, world.worker.address, 'BadPda');
  await swapped(2, addresses.vault, 'BadOwner');
  await swapped(3, addresses.stake(nameOf(validator, operator)), 'BadOwner');
  await swapped(3, world.worker.address, 'BadOwner');
  // The owner's stake has nothing on its way out.
  const own = withdrawStake(addresses, nameOf(validator, operator));
  await refusedWhole(world, { instruction: own, signers: [operator] }, 'NoCoolDown');
  await sendWithdraw(world, validator, staker);
});
