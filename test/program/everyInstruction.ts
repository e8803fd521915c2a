import {
  commitChain,
  depositEscrow,
  openEscrow,
  registerValidator,
  requestWithdrawal,
  rotateIdentity,
  withdrawEscrow,
} from '@karmesh/sdk/program';
import { deepClaim } from './deepClaim.ts';
import { makeReport, settlement, toFinalised } from './epochSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import { type LiteSvmLedger, liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { provenToken } from './provenToken.ts';
import { wholeCase } from './wholeCase.ts';
import { wholeChallenge } from './wholeChallenge.ts';
import { wholeEpoch } from './wholeEpoch.ts';
import { wholeStake } from './wholeStake.ts';
import { wholeVote } from './wholeVote.ts';
import { buildWorld, member, SOL, startWorld } from './world.ts';

/** Runs every instruction of the program at least once, on ledgers that `measured` wraps, by the name of the case if it has one. */
export async function everyInstruction(
  measured: (ledger: LiteSvmLedger, name?: string) => LiteSvmLedger,
): Promise<void> {
  await wholeEpoch(measured(liteSvmLedger()));
  await provenToken(measured(liteSvmLedger()));
  await wholeStake(measured(liteSvmLedger()));
  await wholeVote(measured(liteSvmLedger()));
  await wholeCase(measured(liteSvmLedger()));
  await wholeChallenge(measured(liteSvmLedger()));
  const deep = await deepClaim(liteSvmLedger());
  await deep.claim({ ...deep.world, ledger: measured(deep.world.ledger, 'depth 20') });

  const ledger = measured(liteSvmLedger());
  const world = await buildWorld(ledger);
  const { addresses, buyer, operator, escrow, gateway } = world;
  const [validator, identity] = [member(addresses, 'new validator', operator), namedKey('identity 1')];
  const duty = { owner: operator.publicKey, identity: validator.identity.publicKey, bond: 2n * SOL };
  await ledger.send([registerValidator(addresses, duty)], [operator, validator.identity]);
  const other = namedKey('second buyer');
  await ledger.fund(other.publicKey, SOL);
  const opening = { buyer: other.publicKey, gateway: gateway.address, amount: 1n };
  await ledger.send([openEscrow(addresses, opening)], [other]);
  const chain = { identity: gateway.identity.publicKey, gateway: gateway.address, epoch: 9n };
  await ledger.send(
    [commitChain(addresses, { ...chain, commitment: namedHash('chain'), length: 1 })],
    [gateway.identity],
  );
  const rotation = { owner: operator.publicKey, newIdentity: identity.publicKey, participant: gateway.address };
  await ledger.send([rotateIdentity(addresses, rotation)], [operator, identity]);
  await ledger.send([depositEscrow(addresses, { payer: buyer.publicKey, escrow, amount: 1n })], [buyer]);
  await ledger.send([requestWithdrawal(addresses, { buyer: buyer.publicKey, escrow, amount: 1n })], [buyer]);
  await startWorld(world);
  const built = await makeReport(world, { epoch: 0n, earned: new Map(), settlements: [settlement(world, 5n)] });
  await toFinalised(world, built);
  await ledger.send([withdrawEscrow(addresses, { buyer: buyer.publicKey, escrow })], [buyer]);
}
