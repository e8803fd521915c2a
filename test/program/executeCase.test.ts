import { eventsInLogs, executeCase, INCINERATOR, type ParticipantAccount, PROGRAM_ID } from '@karmesh/sdk/program';
import { unitsWorth, weightIn } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { fundedFinder, readCase, receiptOf, sendExecute, showTwice, twoReceipts } from './evidenceSteps.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { sendUnstake, sendWithdraw } from './stakeSteps.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  must,
  readConfig,
  readParticipant,
  SOL,
  startWorld,
  type WorldOptions,
} from './world.ts';

/** A world with a case against the first worker, in whose stake is 1 SOL, filed in epoch 0. */
async function caseWorld(options: WorldOptions = {}) {
  const ledger = liteSvmLedger();
  const world = await buildWorld(ledger, options);
  await startWorld(world);
  const [worker] = world.workers as [Member];
  const finder = await fundedFinder(world);
  const { twice } = await showTwice(world, finder, { twice: twoReceipts(worker), by: worker });
  const { offenceKey } = twice;
  const execute = { offender: worker.address, offenceKey, finder: finder.publicKey };
  const untilEpoch = async (epoch: bigint) => await ledger.untilSlot(await firstSlot(world, epoch));
  return { world, ledger, worker, finder, offenceKey, execute, untilEpoch };
}

const worth = ({ units, slashIndex }: ParticipantAccount) => unitsWorth(units[0], slashIndex);

test('P-43: half of the stake leaves after the delay: a tenth to the finder, the rest to the incinerator', async () => {
  const { world, worker, finder, offenceKey, execute, untilEpoch } = await caseWorld();
  await refused(sendExecute(world, execute), 'CaseOpen');
  await untilEpoch(1n);
  const before = { worker: await lamportsOf(world, worker.address), finder: await lamportsOf(world, finder.publicKey) };
  const { logs } = await sendExecute(world, execute);

  const account = await readParticipant(world, worker.address);
  expect([worth(account), account.slashIndex, account.openCases]).toEqual([SOL / 2n, 1n << 59n, 0]);
  // What is left is below a worker's bond, so that it may not act from the next epoch on.
  expect([weightIn(account.weights, 1n), weightIn(account.weights, 2n)]).toEqual([SOL, 0n]);
  expect(before.worker - (await lamportsOf(world, worker.address))).toBe(SOL / 2n);
  expect((await lamportsOf(world, finder.publicKey)) - before.finder).toBe(SOL / 20n);
  expect(await lamportsOf(world, INCINERATOR)).toBe((SOL / 20n) * 9n);
  expect(await readCase(world, worker.address, offenceKey)).toMatchObject({
    executed: 1,
    left: 1n << 60n,
    slashedLamports: SOL / 2n,
  });
  expect(await readConfig(world)).toMatchObject({ slashEpoch: 1n, slashedWeight: SOL / 2n });
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([
    {
      name: 'CaseExecuted',
      data: {
        offender: worker.address,
        offenceKey,
        lamports: SOL / 2n,
        weight: SOL / 2n,
        burned: (SOL / 20n) * 9n,
        executed: 1,
      },
    },
  ]);
  await refused(sendExecute(world, execute), 'BadState');
});

test('P-43: a slashed validator weighs less in the sum of all, from the next epoch on', async () => {
  const world = await buildWorld(liteSvmLedger(), { stakes: [8n, 8n, 8n, 8n] });
  await startWorld(world);
  const [validator] = world.validators as [Member];
  const finder = await fundedFinder(world);
  const verdict = {
    epoch: 0n,
    entryHash: new Uint8Array(32),
    receiptHash: new Uint8Array(32),
    validator: validator.address,
    attempt: 0,
    verdict: 'pass',
    rule: 0,
    measurementsHash: new Uint8Array(32),
  } as const;
  const { twice } = await showTwice(world, finder, {
    twice: { name: 'verdict', first: verdict, second: { ...verdict, verdict: 'fail' } },
    by: validator,
  });
  await world.ledger.untilSlot(await firstSlot(world, 1n));
  await sendExecute(world, { offender: validator.address, offenceKey: twice.offenceKey, finder: finder.publicKey });
  const { weights } = await readParticipant(world, validator.address);
  const { stake } = await readConfig(world);
  expect([weightIn(weights, 1n), weightIn(weights, 2n)]).toEqual([8n * SOL, 4n * SOL]);
  expect([weightIn(stake, 1n), weightIn(stake, 2n)]).toEqual([32n * SOL, 28n * SOL]);
});

test('P-43: what is beyond an epoch’s bound waits for the next; in the end all of it was taken', async () => {
  // A fortieth of the 8 SOL of all validators: 0.2 of the 0.5 that are due.
  const { world, worker, offenceKey, execute, untilEpoch } = await caseWorld({ parameters: { slashCapBps: 250n } });
  const taken: bigint[] = [];
  for (const epoch of [1n, 2n, 3n]) {
    await untilEpoch(epoch);
    await sendExecute(world, execute);
    taken.push((await readCase(world, worker.address, offenceKey)).slashedLamports);
    const { openCases } = await readParticipant(world, worker.address);
    expect(openCases).toBe(epoch === 3n ? 0 : 1);
    await refused(sendExecute(world, execute), epoch === 3n ? 'BadState' : 'SlashCapped');
  }
  const dust = taken.map((lamports, i) => BigInt([200_000_000, 400_000_000, 500_000_000][i] ?? 0) - lamports);
  expect(dust.every((lamports) => lamports >= -2n && lamports <= 3n)).toBe(true);
  expect(worth(await readParticipant(world, worker.address)) - SOL / 2n).toBeLessThanOrEqual(2n);
});

test('P-43: cases share an epoch’s bound', async () => {
  const { world, finder, execute, untilEpoch } = await caseWorld({ parameters: { slashCapBps: 750n } });
  const [, other] = world.workers as [Member, Member];
  const second = await showTwice(world, finder, { twice: twoReceipts(other), by: other });
  const executeSecond = { offender: other.address, offenceKey: second.twice.offenceKey, finder: finder.publicKey };
  await untilEpoch(2n);
  await sendExecute(world, execute);
  await sendExecute(world, executeSecond);
  expect((await readConfig(world)).slashedWeight).toBeGreaterThan((SOL / 10n) * 6n - 3n);
  expect((await readConfig(world)).slashedWeight).toBeLessThanOrEqual((SOL / 10n) * 6n);
  await refused(sendExecute(world, executeSecond), 'SlashCapped');
  await untilEpoch(3n);
  await sendExecute(world, executeSecond);
  expect(worth(await readParticipant(world, other.address)) - SOL / 2n).toBeLessThanOrEqual(2n);
});

test('P-43: a case comes to an end when all validators have left, and lets go of what is left', async () => {
  const { world, worker, execute, untilEpoch } = await caseWorld({ parameters: { slashCapBps: 3_000n } });
  for (const validator of world.validators) await sendUnstake(world, validator, validator.owner);
  await sendUnstake(world, worker, worker.owner);
  for (const epoch of [1n, 2n]) {
    await untilEpoch(epoch);
    expect(weightIn((await readConfig(world)).stake, epoch)).toBe(0n);
    await sendExecute(world, execute);
    if (epoch === 1n) await refused(sendExecute(world, execute), 'SlashCapped');
  }
  expect((await readParticipant(world, worker.address)).openCases).toBe(0);
  await untilEpoch(4n);
  await sendWithdraw(world, worker, worker.owner);
});

test('P-43: two offences take half and half of the rest', async () => {
  const { world, worker, finder, execute, untilEpoch } = await caseWorld();
  const later = { counter: 9n };
  const second = await showTwice(world, finder, {
    twice: { name: 'receipt', first: receiptOf(worker, 'a', later), second: receiptOf(worker, 'b', later) },
    by: worker,
  });
  await untilEpoch(2n);
  await sendExecute(world, { ...execute, offenceKey: second.twice.offenceKey });
  expect((await readParticipant(world, worker.address)).openCases).toBe(1);
  await sendExecute(world, execute);
  const account = await readParticipant(world, worker.address);
  expect([worth(account), account.openCases]).toEqual([SOL / 4n, 0]);
});

test('P-43: karma falls with the stake, and the weight of draws from the next epoch on', async () => {
  const { world, ledger, worker, execute, untilEpoch } = await caseWorld();
  const raw = await must(ledger.account(worker.address));
  const data = Uint8Array.from(raw.data);
  const view = new DataView(data.buffer);
  for (let i = 0; i < 5; i++) view.setBigUint64(176 + 8 * i, BigInt(1_001 * (i + 1)), true);
  view.setBigUint64(272, 7n, true);
  view.setBigUint64(280, 5_005n, true);
  ledger.setAccount({ ...raw, data, owner: PROGRAM_ID });
  await untilEpoch(1n);
  await sendExecute(world, execute);
  expect(await readParticipant(world, worker.address)).toMatchObject({
    karma: [500n, 1_001n, 1_501n, 2_002n, 2_502n],
    weightKarma: [5_005n, 2_502n],
    weightFromEpoch: 2n,
  });
});

test('P-43: units on their way out are slashed like those that count', async () => {
  const { world, ledger, worker, execute, untilEpoch } = await caseWorld();
  const raw = await must(ledger.account(worker.address));
  const before = raw.lamports;
  const data = Uint8Array.from(raw.data);
  const view = new DataView(data.buffer);
  const { units } = await readParticipant(world, worker.address);
  // 0.4 of the SOL count, 0.6 are on their way out: the offsets of docs/protocol.md.
  expect(view.getBigUint64(496, true)).toBe(units[0]);
  view.setBigUint64(496, (SOL / 10n) * 4n, true);
  view.setBigUint64(512, (SOL / 10n) * 6n, true);
  ledger.setAccount({ ...raw, data, owner: PROGRAM_ID });
  await untilEpoch(1n);
  await sendExecute(world, execute);
  expect(before - (await lamportsOf(world, worker.address))).toBe(SOL / 2n);
});

test('P-43: the buyer that was harmed is paid on its escrow; without one that share is burned', async () => {
  const { world, ledger, worker, offenceKey, execute, untilEpoch } = await caseWorld();
  const address = world.addresses.offenceCase(worker.address, offenceKey);
  const raw = await must(ledger.account(address));
  const data = Uint8Array.from(raw.data);
  data.set(world.escrow, 104);
  ledger.setAccount({ ...raw, data, owner: PROGRAM_ID });
  await untilEpoch(1n);
  await refused(sendExecute(world, execute), 'BadPda');
  const before = await lamportsOf(world, world.escrow);
  await sendExecute(world, { ...execute, harmed: world.escrow });
  expect((await lamportsOf(world, world.escrow)) - before).toBe(SOL / 10n);
  expect(await lamportsOf(world, INCINERATOR)).toBe((SOL / 20n) * 7n);
});

test('P-43: a finder whose account cannot take its share does not hold the slash up: the share is burned', async () => {
  const { world, ledger, finder, execute, untilEpoch } = await caseWorld({ parameters: { finderShareBps: 1n } });
  await untilEpoch(1n);
  // 50,000 lamports are less than the least that an account may hold.
  ledger.setAccount({ address: finder.publicKey, lamports: 0n, data: new Uint8Array(), owner: new Uint8Array(32) });
  await sendExecute(world, execute);
  expect(await lamportsOf(world, finder.publicKey)).toBe(0n);
  expect(await lamportsOf(world, INCINERATOR)).toBe(SOL / 2n);
});

test('P-43: nothing is left of nothing: a case against an empty stake ends', async () => {
  const { world, ledger, worker, offenceKey, execute, untilEpoch } = await caseWorld({
    parameters: { doubleSignBps: 10_000n },
  });
  await untilEpoch(1n);
  await sendExecute(world, execute);
  expect(await readParticipant(world, worker.address)).toMatchObject({ slashIndex: 0n, openCases: 0 });
  // Filed again, as a second offence would be.
  const address = world.addresses.offenceCase(worker.address, offenceKey);
  const raw = await must(ledger.account(address));
  const data = Uint8Array.from(raw.data);
  const view = new DataView(data.buffer);
  expect(view.getUint8(162)).toBe(1);
  view.setBigUint64(144, 0n, true);
  data[163] = 0;
  ledger.setAccount({ ...raw, data, owner: PROGRAM_ID });
  await sendExecute(world, execute);
  expect((await readCase(world, worker.address, offenceKey)).executed).toBe(1);
});

test('P-43: refuses other accounts', async () => {
  const { world, worker, execute, untilEpoch } = await caseWorld();
  const { ledger, addresses, operator } = world;
  const [, other] = world.workers as [Member, Member];
  await untilEpoch(1n);
  const instruction = executeCase(addresses, execute);
  const send = (position: number, address: Uint8Array) =>
    ledger.send([withAccount(instruction, position, address)], [operator]);
  await refused(send(0, addresses.vault), 'BadOwner');
  await refused(send(1, other.address), 'BadPda');
  await refused(send(2, worker.address), 'BadOwner');
  await refused(send(3, operator.publicKey), 'BadPda');
  await refused(send(5, operator.publicKey), 'BadPda');
});
