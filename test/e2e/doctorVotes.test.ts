import { createProgramClient, transactionSigner } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { checkVoting } from '../../validator/src/doctor/checkVoting.ts';
import { tickedLedger } from '../harness/tickedLedger.ts';
import { sendAttest, toClosed } from '../program/epochSteps.ts';
import { buildWorld, firstSlot, type Member, readConfig, readEpoch, startWorld } from '../program/world.ts';

test('doctor warns while a third of the stake or more does not vote, and where nobody closes an epoch', async ({
  signal,
}) => {
  await using ledger = await tickedLedger({ signal });
  const world = await buildWorld(ledger);
  await startWorld(world);
  const [a, b, c] = world.validators as [Member, Member, Member];
  const client = createProgramClient({ connection: ledger.connection, payer: transactionSigner(a.identity) });
  const found = async () => checkVoting(client, { chain: await readConfig(world), slot: await ledger.slot(), signal });
  const sentence = async (): Promise<string> => `${(await found()).severity}: ${(await found()).sentence}`;
  expect(await sentence()).toBe('ok: No epoch has ended yet, so that nobody had to vote.');

  await toClosed(world, 0n);
  for (const member of [a, b]) await sendAttest(world, member, 0n);
  expect(await sentence()).toBe('ok: No epoch’s time to vote is over yet.');
  const { closeSlot } = await readEpoch(world, 0n);
  await ledger.untilSlot(closeSlot + world.parameters.saltRevealSlots + 1n);
  expect(await sentence()).toBe(
    'warning: Only validators with 50 % of the stake attested epoch 0: no epoch becomes final without more than two thirds.',
  );
  await sendAttest(world, c, 0n);
  await ledger.untilSlot((await ledger.slot()) + world.parameters.saltRevealSlots + 1n);
  expect(await sentence()).toBe('ok: Validators with 75 % of the stake attested epoch 0.');

  await ledger.untilSlot((await firstSlot(world, 5n)) - 1n);
  expect(await sentence()).toBe(
    'warning: No validator has closed epoch 1, although each had its turn: no epoch becomes final.',
  );
});
