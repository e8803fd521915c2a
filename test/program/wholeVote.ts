import { authoriseDebit, closeChain, closeEpochAccount, openEscrow } from '@karmesh/sdk/program';
import { expect } from 'vitest';
import { makeReport, sendCloseVote, toFinalised } from './epochSteps.ts';
import {
  currentEpoch,
  passed,
  sendCloseBallot,
  sendCloseProposal,
  sendExecute,
  untilEpoch,
} from './governanceSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import type { Ledger } from './ledger/ledger.ts';
import { buildWorld, lamportsOf, type Member, readConfig, readEpoch, SOL, startWorld } from './world.ts';

/** A change, a pause and a payment by vote, a raised authorisation, and the end of all accounts that served, on any ledger. */
export async function wholeVote(ledger: Ledger): Promise<void> {
  const world = await buildWorld(ledger);
  const { addresses, gateway, operator } = world;
  const [first] = world.validators as [Member];
  await startWorld(world);
  const change = await passed(world, 0n, { kind: 'parameter', index: 11, value: 600n });
  const pause = await passed(world, 1n, { kind: 'pause', epochs: 1n });
  await sendExecute(world, pause);
  await untilEpoch(world, (await currentEpoch(world)) + 1n);
  await sendExecute(world, change);
  for (const proposal of [change, pause]) {
    for (const voter of world.validators) {
      const hasVoted = await ledger.account(addresses.ballot(proposal, voter.address));
      if (hasVoted !== undefined) await sendCloseBallot(world, voter, proposal);
    }
    await sendCloseProposal(world, proposal, first.identity.publicKey);
    expect(await lamportsOf(world, proposal)).toBe(0n);
  }
  expect((await readConfig(world)).parameters[11]).toBe(600n);

  const buyer = namedKey('raising buyer');
  await ledger.fund(buyer.publicKey, SOL);
  const opened = { buyer: buyer.publicKey, gateway: gateway.address, amount: 1_000_000n, authorised: 0n };
  await ledger.send([openEscrow(addresses, opened)], [buyer]);
  const raised = { escrow: addresses.escrow(gateway.address, buyer.publicKey), buyer: buyer.publicKey };
  await ledger.send([authoriseDebit(addresses, { ...raised, cumulative: 7n })], [buyer]);

  const built = await makeReport(world, { epoch: 1n, earned: new Map() });
  await toFinalised(world, built);
  const payment = await passed(world, 2n, { kind: 'payment', lamports: 1n, recipient: namedHash('nobody yet') });
  expect(payment).toHaveLength(32);
  const later = await makeReport(world, { epoch: 65n, earned: new Map(), priorRoot: built.report.root });
  await toFinalised(world, later);
  for (const voter of world.validators) await sendCloseVote(world, voter, 1n);
  const { payer } = await readEpoch(world, 1n);
  await ledger.send([closeEpochAccount(addresses, { epoch: 1n, payer })], [operator]);
  expect(await ledger.account(addresses.epoch(1n))).toBeUndefined();
  const chain = { gateway: world.gateway.address, owner: operator.publicKey, epoch: 0n };
  await ledger.send([closeChain(addresses, chain)], [operator]);
  expect(await ledger.account(addresses.chain(chain.gateway, 0n))).toBeUndefined();
}
