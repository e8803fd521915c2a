import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  commitChain,
  depositEscrow,
  idl,
  openEscrow,
  registerValidator,
  requestWithdrawal,
  rotateIdentity,
  withdrawEscrow,
} from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { makeReport, settlement, toFinalised } from './epochSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { provenToken } from './provenToken.ts';
import { compareUnits } from './units/compareUnits.ts';
import { unitMeter } from './units/unitMeter.ts';
import { wholeCase } from './wholeCase.ts';
import { wholeChallenge } from './wholeChallenge.ts';
import { wholeEpoch } from './wholeEpoch.ts';
import { wholeStake } from './wholeStake.ts';
import { wholeVote } from './wholeVote.ts';
import { buildWorld, member, SOL, startWorld } from './world.ts';

const FILE = join(import.meta.dirname, '..', '..', 'programs', 'karma', 'compute-units.json');

const TOLERANCE = { units: 50, percent: 3 };

// UPDATE_COMPUTE_UNITS=1 writes the table anew after a change of the program.
test('every instruction takes the compute units of compute-units.json, give or take 50 or 3 %', async () => {
  const meter = unitMeter();
  await wholeEpoch(meter.on(liteSvmLedger()));
  await provenToken(meter.on(liteSvmLedger()));
  await wholeStake(meter.on(liteSvmLedger()));
  await wholeVote(meter.on(liteSvmLedger()));
  await wholeCase(meter.on(liteSvmLedger()));
  await wholeChallenge(meter.on(liteSvmLedger()));

  const ledger = meter.on(liteSvmLedger());
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

  const names = idl.instructions.map(({ name }) => name);
  const measured = meter.table(names);
  expect(Object.keys(measured)).toEqual(names);
  if (process.env.UPDATE_COMPUTE_UNITS === '1') await writeFile(FILE, `${JSON.stringify(measured, null, 2)}\n`);
  expect(compareUnits({ table: JSON.parse(await readFile(FILE, 'utf8')), measured }, TOLERANCE)).toEqual([]);
});
