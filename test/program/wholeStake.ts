import {
  ASSET,
  closeStake,
  collectCommission,
  collectRewards,
  setCapacity,
  setCommission,
  setStakeToken,
  stake,
  unstake,
  withdrawStake,
} from '@karmesh/sdk/program';
import { expect } from 'vitest';
import { makeReport, sendCloseVote, settlement, toFinalised } from './epochSteps.ts';
import { namedKey } from './keys.ts';
import type { Ledger } from './ledger/ledger.ts';
import { nameOf, sendStake, TOKEN_RATE } from './stakeSteps.ts';
import { fixSupply, makeMint, makeTokenAccount, mintTo, tokensIn } from './tokenSteps.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readConfig,
  readParticipant,
  SOL,
  startWorld,
} from './world.ts';

const TOKENS = 4n * SOL;
/** 5,000 and 2,500 lamports, of each of which rounding keeps one. */
const EARNED = 7_498n;

/** The life of two stakes on any ledger: lamports and tokens come, earn the pay of an epoch's vote, and leave. */
export async function wholeStake(ledger: Ledger): Promise<void> {
  const world = await buildWorld(ledger, {
    parameters: { coolDownEpochs: 2n, evidenceEpochs: 0n, voteShareBps: 1_000n },
  });
  const { addresses, operator } = world;
  const [validator] = world.validators as [Member];
  const [worker] = world.workers as [Member];
  const staker = namedKey('staker');
  await ledger.fund(staker.publicKey, 10n * SOL);
  const mint = await makeMint(ledger, operator, { name: 'mint' });
  const owner = staker.publicKey;
  const stakerTokens = await makeTokenAccount(ledger, operator, { name: 'staker tokens', mint, owner });
  await mintTo(ledger, operator, { mint, to: stakerTokens, amount: TOKENS });
  await fixSupply(ledger, operator, mint);
  const initialiser = operator.publicKey;
  await ledger.send([setStakeToken(addresses, { initialiser, mint, rate: TOKEN_RATE })], [operator]);
  await startWorld(world);

  const duty = { owner: operator.publicKey, participant: validator.address };
  await ledger.send([setCommission(addresses, { ...duty, bps: 5_000 })], [operator]);
  await sendStake(world, worker, worker.owner, SOL);
  const more = { owner: worker.owner.publicKey, participant: worker.address, capacity: 2 };
  await ledger.send([setCapacity(addresses, more)], [worker.owner]);
  const stakes = [
    { ...nameOf(validator, staker), amount: 4n * SOL },
    { ...nameOf(validator, staker, ASSET.tokens), stakerTokens, amount: TOKENS },
  ];
  for (const one of stakes) await ledger.send([stake(addresses, one)], [operator, staker]);
  const had = await lamportsOf(world, staker.publicKey);
  // 2 SOL of the owner, 4 of the staker, and its tokens at half a lamport each.
  expect((await readParticipant(world, validator.address)).weights.points[0]?.weight).toBe(8n * SOL);
  expect((await readConfig(world)).stake.points[0]?.weight).toBe(14n * SOL);

  const built = await makeReport(world, { epoch: 0n, earned: new Map(), settlements: [settlement(world, 800_000n)] });
  await toFinalised(world, built);
  await ledger.untilSlot(await firstSlot(world, 2n));
  await sendCloseVote(world, validator, 0n);
  // Of a tenth of 800,000 a fourth, and half of that the owner's; three fourths of the rest are the staker's.
  expect(await readParticipant(world, validator.address)).toMatchObject({
    commissionLamports: 10_000n,
    rewardLamports: 10_000n,
  });
  for (const one of stakes) await ledger.send([collectRewards(addresses, one)], [operator]);
  await ledger.send([collectCommission(addresses, duty)], [operator]);
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(EARNED);

  for (const one of stakes) await ledger.send([unstake(addresses, one)], [operator, staker]);
  const coolDown = 2n * world.parameters.slotsPerEpoch;
  await ledger.untilSlot((await ledger.slot()) + coolDown + 1n);
  for (const one of stakes) await ledger.send([withdrawStake(addresses, one)], [operator, staker]);
  for (const one of stakes) await ledger.send([closeStake(addresses, one)], [operator, staker]);
  const rents = 2n * (await ledger.rent(184));
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(EARNED + 4n * SOL + rents);
  expect(await tokensIn(ledger, stakerTokens)).toBe(TOKENS);
  expect(await tokensIn(ledger, addresses.tokenVault)).toBe(0n);
  expect(await readParticipant(world, validator.address)).toMatchObject({
    units: [2n * SOL, 0n],
    unbondingUnits: [0n, 0n],
    commissionLamports: 0n,
  });
  expect((await readConfig(world)).stake.points[0]?.weight).toBe(8n * SOL);
}
