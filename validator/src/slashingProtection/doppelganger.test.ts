import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDomain, saltHashOf, type Verdict, ZERO_HASH } from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { VoteFacts } from '../chain/chainReader.ts';
import { named, protectionOwner } from '../fixtures/market.ts';
import { type Doppelganger, doppelganger, type SeenVotes } from './doppelganger.ts';
import { openProtection, type Protection } from './openProtection.ts';

const owner = protectionOwner();
const me = owner.participant;
const domain = makeDomain({ genesisHash: owner.genesis, programId: owner.programId });
const log = logger({ name: 'test', level: 'silent' })();

let folder = '';
let protection: Protection;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'validator-doppelganger-'));
  protection = await openProtection({ path: join(folder, 'protection.log'), owner });
});
afterEach(async () => {
  await protection[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const guardOf = (): Doppelganger => doppelganger({ watchEpochs: 2 })({ domain, me, protection, log });
const attestedWith = (epoch: bigint, salt: string): VoteFacts & { readonly epoch: bigint } => ({
  epoch,
  attested: true,
  saltRevealed: false,
  sealed: false,
  revealed: false,
  sealAttempt: 0,
  saltHash: saltHashOf(domain, { epoch, validator: me, salt: named(salt) }),
  seal: ZERO_HASH,
});
/** Epochs have 150 slots, and the beacon of the epoch before the last is known. */
const at = (epoch: bigint, votes: SeenVotes['votes'] = [], hasEarned = false): SeenVotes => ({
  slot: epoch * 150n,
  epoch,
  votes,
  beaconThrough: epoch - 2n,
  hasEarned,
});
const verdict = (epoch: bigint): Verdict => ({
  epoch,
  entryHash: named('entry'),
  receiptHash: named('receipt'),
  validator: me,
  attempt: 0,
  verdict: 'pass',
  rule: 0,
  measurementsHash: named('measured'),
});
const attest = (epoch: bigint, salt: string) =>
  protection.attest({ epoch, manifestHash: named('manifest'), salt: named(salt) });

test('V-26: a validator that never voted signs at once, and so does the folder that signed last', async () => {
  const first = guardOf();
  expect(first.state()).toBe('starting');
  await first.look({ ...at(0n), epoch: undefined });
  expect(first.state()).toBe('signing');
  await attest(4n, 'own');
  const again = guardOf();
  await again.look(at(5n, [attestedWith(4n, 'own')], true));
  expect(again.state()).toBe('signing');
});

test('V-26: a folder that lost its log watches two epochs, closes what was signed before, and signs', async () => {
  const guard = guardOf();
  await guard.look(at(5n, [attestedWith(3n, 'lost'), attestedWith(4n, 'lost')]));
  expect(guard.state()).toBe('watching');
  // The last transaction of the process that was killed, seen within its blockhash’s life.
  const revealed = { ...attestedWith(4n, 'lost'), saltRevealed: true };
  await guard.look({ ...at(5n, [attestedWith(3n, 'lost'), revealed]), slot: 5n * 150n + 20n });
  await guard.look(at(6n, [revealed]));
  expect(guard.state()).toBe('watching');
  await guard.look(at(7n, [revealed]));
  expect(guard.state()).toBe('signing');
  await expect(attest(4n, 'own')).rejects.toMatchObject({ code: 'SLASHING_PROTECTION' });
  await attest(5n, 'own');
  // What it now signs itself, and what is closed, is no news.
  guard.heardVerdict(verdict(4n));
  await guard.look(at(8n, [revealed, attestedWith(5n, 'own')]));
  expect(guard.state()).toBe('signing');
});

test('V-26: an empty folder of a validator that has earned watches, votes on chain or not', async () => {
  const guard = guardOf();
  await guard.look(at(5n, [], true));
  expect(guard.state()).toBe('watching');
});

test('V-26: a process that is only started again after another was seen watches too', async () => {
  await attest(4n, 'own');
  const again = doppelganger({ watchEpochs: 2, mustWatch: true })({ domain, me, protection, log });
  await again.look(at(5n, [attestedWith(4n, 'own')]));
  expect(again.state()).toBe('watching');
  again.heardTwin();
  expect(again.state()).toBe('stopped');
});

test('V-26: a vote that another process sends while this one watches refuses the start', async () => {
  const guard = guardOf();
  await guard.look(at(5n, [attestedWith(4n, 'other')]));
  await guard.look(at(6n, [attestedWith(4n, 'other'), attestedWith(5n, 'other')]));
  expect(guard.state()).toBe('stopped');
  expect(await guard.stopped).toMatchObject({
    code: 'DOPPELGANGER',
    message: 'Another process acts with this validator’s identity, so that this one signs nothing any more.',
    facts: { seen: 'a vote on chain', act: 'attestation of epoch 5', epoch: 5n },
  });
});

test('V-26: in normal work a vote that the log does not hold stops all signing, even with the same manifest', async () => {
  const guard = guardOf();
  await guard.look(at(4n));
  await attest(4n, 'own');
  await guard.look(at(5n, [attestedWith(4n, 'own')]));
  expect(guard.state()).toBe('signing');
  // The same manifest under another salt was signed by somebody else.
  await guard.look(at(5n, [attestedWith(4n, 'other')]));
  expect(guard.state()).toBe('stopped');
});

test('V-26: a seal that the log does not hold stops it too', async () => {
  const guard = guardOf();
  await guard.look(at(4n));
  const sealed = { ...attestedWith(4n, 'own'), attested: false, sealed: true, sealAttempt: 1, seal: named('seal') };
  await guard.look(at(5n, [sealed]));
  expect((await guard.stopped).facts).toMatchObject({ act: 'seal 1 of epoch 4' });
});

test('V-26: so do a verdict that only another process can have signed, and an announcement', async () => {
  const watching = guardOf();
  await watching.look(at(5n, [attestedWith(4n, 'other')]));
  watching.heardVerdict(verdict(3n));
  expect(watching.state()).toBe('watching');
  watching.heardVerdict(verdict(4n));
  expect((await watching.stopped).facts).toMatchObject({ seen: 'a verdict', epoch: 4n });
  const signing = guardOf();
  await signing.look(at(4n));
  signing.heardTwin();
  expect((await signing.stopped).facts).toMatchObject({ seen: 'an announcement' });
});
