import { INCINERATOR } from '@karmesh/sdk/program';
import { lazyVerdict, plantedOutputHash, plantedSecret } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { ANSWER } from '../../web/gateway/scheduler/fixtures/testWorker.ts';
import {
  commit,
  fundedFinder,
  lazyPass,
  readCase,
  sendExecute,
  showLazy,
  shownLazy,
} from '../program/evidenceSteps.ts';
import { namedHash } from '../program/keys.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { refused } from '../program/refused.ts';
import { buildWorld, firstSlot, lamportsOf, type Member, readParticipant, SOL, startWorld } from '../program/world.ts';
import { gatewayAtWork } from './gatewayAtWork.ts';

// Validators sign passes of answers that they never looked at. Two workers plant one that nobody can pass who looks.

/** Both workers of a plant sign the same output hash in one request, so that they agree. */
async function plantedWorld() {
  const world = await buildWorld(liteSvmLedger(), { stakes: [8n, 8n, 8n, 8n] });
  await startWorld(world);
  const [lazy, honest] = world.validators as [Member, Member];
  const secret = plantedSecret({ seed: namedHash('what the two share'), requestId: namedHash('request') });
  const outputHash = plantedOutputHash(world.domain, secret);
  const passBy = (by: Member) => ({ ...lazyPass(world, by, { receipt: { outputHash } }), secret });
  return { world, lazy, honest, secret, passBy };
}

test('P-52: who passes a planted answer unread loses stake, a part of it to who planted it', async () => {
  const { world, lazy, passBy } = await plantedWorld();
  const finder = await fundedFinder(world);
  const { lazy: shown } = await showLazy(world, finder, { pass: passBy(lazy), by: lazy });
  await world.ledger.untilSlot(await firstSlot(world, 1n));
  const before = await lamportsOf(world, finder.publicKey);
  const { offenceKey } = shown;
  await sendExecute(world, { offender: lazy.address, offenceKey, finder: finder.publicKey });
  const { slashedLamports } = await readCase(world, lazy.address, offenceKey);
  // A fifth of 8 SOL; a tenth of that to the finder.
  expect(slashedLamports).toBe((SOL / 10n) * 16n);
  expect((await lamportsOf(world, finder.publicKey)) - before).toBe((SOL / 100n) * 16n);
  expect(await lamportsOf(world, INCINERATOR)).toBe((SOL / 100n) * 144n);
  expect((await readParticipant(world, lazy.address)).openCases).toBe(0);
});

test('P-52: nobody is framed: neither who failed the plant nor who passed an answer of tokens', async () => {
  const { world, honest, passBy } = await plantedWorld();
  const finder = await fundedFinder(world);
  const pass = passBy(honest);
  const failing = { ...pass, verdict: { ...pass.verdict, verdict: 'fail' as const, rule: 12 } };
  await refused(showLazy(world, finder, { pass: failing, by: honest }), 'NotAnOffence');
  // The true verdict of another answer, told to be about the planted receipt.
  const ofTokens = lazyPass(world, honest, { receipt: { outputHash: namedHash('the hash of tokens') } });
  await refused(showLazy(world, finder, { pass: { ...ofTokens, receipt: pass.receipt }, by: honest }), 'BadEvidence');
  await refused(showLazy(world, finder, { pass: ofTokens, by: honest }), 'NotAnOffence');
  // A pass of the plant in the honest one's name, over the signature of the verdict that it did sign.
  const lazy = lazyVerdict(world.domain, pass);
  const committed = await commit(world, finder, lazy.evidence);
  const signed = lazyVerdict(world.domain, failing).message;
  const signer = { ...honest.identity, sign: () => honest.identity.sign(signed) };
  await expect(world.ledger.send(shownLazy(world, { finder, signer, lazy, committed }), [finder])).rejects.toThrow();
  expect((await readParticipant(world, honest.address)).openCases).toBe(0);
});

test('P-41: who sees the secret when it is shown, and copies it, is too late', async () => {
  const { world, lazy: offender, passBy } = await plantedWorld();
  const [finder, thief] = [await fundedFinder(world), await fundedFinder(world, 'thief')];
  const lazy = lazyVerdict(world.domain, passBy(offender));
  const signer = offender.identity;
  const mine = await commit(world, finder, lazy.evidence);
  const theirs = await commit(world, thief, lazy.evidence, 1n);
  const send = (by: typeof finder, committed: typeof mine) =>
    world.ledger.send(shownLazy(world, { finder: by, signer, lazy, committed }), [by]);
  await refused(send(thief, theirs), 'NotCommitted');
  await send(finder, mine);
  await world.ledger.untilSlot((await world.ledger.slot()) + 64n);
  await refused(send(thief, theirs), 'AlreadyInitialised');
  expect((await readCase(world, offender.address, lazy.offenceKey)).finder).toEqual(finder.publicKey);
});

test('P-52: a gateway that serves others takes no planted receipt: its buyer gets the true answer, and no entry has the plant', async () => {
  await using gateway = await gatewayAtWork();
  const planters = (await gateway.nextDraw()).slice(0, 2);
  for (const worker of planters) worker.behaviour = { kind: 'plants', seed: namedHash('what the two share') };
  const asked = await gateway.ask();
  expect(asked.text).toBe(ANSWER.text);
  expect(asked.outcomes).toEqual(['timed-out', 'timed-out', 'agreed', 'agreed']);
  expect(asked.entry.evidence.timeouts.map(({ value }) => value.cause)).toEqual(['bad-reveal', 'bad-reveal']);
  expect(gateway.market.judge(asked.entry)).toMatchObject({ verdict: 'accept' });
});
