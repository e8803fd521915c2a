import { createChainView, createProgramClient, transactionSigner } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { chainWriter, followChain } from '../../validator/src/chain/followChain.ts';
import { ownVotes } from '../../validator/src/epoch/ownVotes.ts';
import { tickedLedger } from '../harness/tickedLedger.ts';
import { makeReport, settlement, toFinalised } from '../program/epochSteps.ts';
import { buildWorld, firstSlot, type Member, readEpoch, readParticipant, startWorld } from '../program/world.ts';

test('P-22: where evidence takes 24 epochs a validator is still paid by its duty, from the first slot on in which the chain takes it', async ({
  signal,
}) => {
  await using ledger = await tickedLedger({ signal });
  const world = await buildWorld(ledger, { parameters: { evidenceEpochs: 24n, coolDownEpochs: 40n } });
  await startWorld(world);
  const earned = new Map();
  const first = await makeReport(world, { epoch: 0n, earned, settlements: [settlement(world, 8_000_000n)] });
  await toFinalised(world, first);
  await ledger.untilSlot(await firstSlot(world, 20n));
  const settlements = [settlement(world, 1_000n, 8_001_000n)];
  const later = { epoch: 20n, earned, settlements, priorRoot: first.report.root };
  await toFinalised(world, await makeReport(world, later));
  const [member] = world.validators as [Member, ...Member[]];
  const { connection } = ledger;
  await using view = await createChainView({ connection, pollMs: 60_000, signal });
  const client = createProgramClient({ connection, payer: transactionSigner(member.identity) });
  const chain = followChain({ view, client, me: member.address });
  const writer = chainWriter({ client, me: member.address, identity: member.identity.publicKey });
  const votes = ownVotes({ chain, writer });
  const seen = async (): Promise<readonly bigint[]> => {
    await view.refresh({ signal });
    await votes.look(view.epoch() ?? 0n, { signal });
    return votes.ended();
  };

  const decided = ((await readEpoch(world, 0n)).finalisedSlot - (await firstSlot(world, 0n))) / 64n;
  const end = await firstSlot(world, decided + 24n);
  await ledger.untilSlot(end - 65n);
  expect(await seen()).toEqual([]);
  await ledger.untilSlot(end);
  expect(await seen()).toEqual([0n]);
  // What follows from an epoch's account is told no duty so late.
  expect(chain.epochs().map(({ epoch }) => epoch)).toEqual([20n]);
  expect((await readParticipant(world, member.address)).rewardLamports).toBe(0n);
  expect(await votes.close(0n, { signal })).toBe('done');
  // A fourth of a tenth of 8,000,000, but for what lies behind the point.
  expect((await readParticipant(world, member.address)).rewardLamports).toBeGreaterThanOrEqual(199_999n);
  expect((await client.votesOf(member.address, { signal })).map(({ epoch }) => epoch)).toEqual([20n]);
  expect(await seen()).toEqual([]);
});
