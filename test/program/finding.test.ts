import { closeFinding, commitFinding, decodeFinding } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { commit, fundedFinder } from './evidenceSteps.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, must } from './world.ts';

test('P-41: a finding says who committed to what and when; its finder ends it', async () => {
  const world = await buildWorld(liteSvmLedger());
  const { ledger, addresses, operator } = world;
  const finder = await fundedFinder(world);
  const slot = await ledger.slot();
  const { commitment } = await commit(world, finder, namedHash('evidence'), 0n);
  const address = addresses.finding(finder.publicKey, commitment);
  expect(decodeFinding(await must(ledger.account(address)))).toMatchObject({
    finder: finder.publicKey,
    commitment,
    slot,
  });
  // Once committed, it does not grow younger.
  await refused(
    ledger.send([commitFinding(addresses, { finder: finder.publicKey, commitment })], [finder]),
    'AlreadyInitialised',
  );
  const closing = closeFinding(addresses, { finder: finder.publicKey, commitment });
  await refused(ledger.send([withAccount(closing, 0, operator.publicKey)], [operator]), 'BadOwner');
  await refused(ledger.send([unsigned(closing, 0)], [operator]), 'BadOwner');
  await refused(ledger.send([withAccount(closing, 1, addresses.config)], [finder]), 'BadOwner');
  const before = await lamportsOf(world, finder.publicKey);
  await ledger.send([closing], [finder]);
  expect((await lamportsOf(world, finder.publicKey)) - before).toBe((await ledger.rent(88)) - 5_000n);
  expect(await ledger.account(address)).toBeUndefined();
});
