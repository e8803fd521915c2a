import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeDomain, type Report, signRecord, type Verdict, verdictRecord, ZERO_HASH } from '@karmesh/sdk/protocol';
import { generateKeypair } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { named, protectionOwner } from '../fixtures/market.ts';
import { openProtection as open, type Protection } from './openProtection.ts';
import { KEPT_EPOCHS } from './protectionState.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'validator-protection-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const path = (): string => join(folder, 'protection.log');
const owner = protectionOwner();
const openProtection = (at: string): Promise<Protection> => open({ path: at, owner });
const report: Report = {
  root: named('root'),
  totals: [1n, 2n, 3n, 4n, 5n, 6n],
  participantCount: 3,
  settlementsRoot: ZERO_HASH,
  settlementsTotal: 0n,
  escrowCount: 0,
  carriedRoot: ZERO_HASH,
  carriedCount: 0,
  priorRoot: ZERO_HASH,
  claimsRoot: ZERO_HASH,
};

test('V-05: a second manifest of an epoch, or an earlier epoch, is refused across restarts; the first keeps its salt', async () => {
  const first = { epoch: 4n, manifestHash: named('a'), salt: named('salt') };
  {
    await using protection = await openProtection(path());
    expect(await protection.attest(first)).toEqual(first);
  }
  await using protection = await openProtection(path());
  expect(await protection.attest({ ...first, salt: named('other salt') })).toEqual(first);
  expect(protection.attestation(4n)).toEqual(first);
  await expect(protection.attest({ ...first, manifestHash: named('b') })).rejects.toMatchObject({
    code: 'SLASHING_PROTECTION',
    message: 'This validator has attested another manifest of the epoch.',
  });
  await expect(protection.attest({ ...first, epoch: 3n })).rejects.toMatchObject({
    code: 'SLASHING_PROTECTION',
    facts: { epoch: 3n, newest: 4n },
  });
});

test('V-05: of two calls at once only one manifest gets through', async () => {
  await using protection = await openProtection(path());
  const results = await Promise.allSettled(
    ['a', 'b'].map((name) => protection.attest({ epoch: 1n, manifestHash: named(name), salt: named('salt') })),
  );
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
});

test('V-23: a second report for an epoch and attempt is refused across restarts; another attempt is free', async () => {
  const first = {
    epoch: 4n,
    attempt: 1,
    verdictsRoot: named('v'),
    reportHash: named('a'),
    report,
    salt: named('salt'),
  };
  {
    await using protection = await openProtection(path());
    await protection.sealRoot(first);
  }
  await using protection = await openProtection(path());
  expect(await protection.sealRoot({ ...first, salt: named('other salt') })).toEqual(first);
  expect(protection.rootVote(4n, 1)).toEqual(first);
  await expect(protection.sealRoot({ ...first, reportHash: named('b') })).rejects.toMatchObject({
    code: 'SLASHING_PROTECTION',
    message: 'This validator has sealed another report for these verdicts.',
  });
  const next = { ...first, attempt: 2, reportHash: named('b') };
  expect(await protection.sealRoot(next)).toEqual(next);
});

test('U-08: a second verdict on an answer is refused and never signed', async () => {
  const signer = generateKeypair();
  const verdict: Verdict = {
    epoch: 4n,
    entryHash: named('entry'),
    receiptHash: named('receipt'),
    validator: named('validator'),
    attempt: 0,
    verdict: 'pass',
    rule: 0,
    measurementsHash: named('measured'),
  };
  const domain = makeDomain({ genesisHash: owner.genesis, programId: owner.programId });
  const sign = (value: Verdict) => () => signRecord(verdictRecord, { domain, signer }, value);
  await using protection = await openProtection(path());
  const signed = await protection.signVerdict({ verdict, sign: sign(verdict) });
  expect(protection.verdictsOf(4n)).toEqual([signed]);
  const failing: Verdict = { ...verdict, verdict: 'fail', rule: 10 };
  let signatures = 0;
  const counted = () => {
    signatures += 1;
    return sign(failing)();
  };
  await expect(protection.signVerdict({ verdict: failing, sign: counted })).rejects.toMatchObject({
    code: 'SLASHING_PROTECTION',
  });
  expect(signatures).toBe(0);
  expect(await protection.signVerdict({ verdict, sign: sign(verdict) })).toBe(signed);
});

test('V-25: a log of another validator or cluster is refused', async () => {
  {
    await using _ = await openProtection(path());
  }
  await expect(open({ path: path(), owner: protectionOwner(named('another')) })).rejects.toMatchObject({
    code: 'SLASHING_PROTECTION',
    message: 'The protection log is another validator’s.',
  });
  await expect(open({ path: path(), owner: { ...owner, genesis: named('another') } })).rejects.toMatchObject({
    code: 'SLASHING_PROTECTION',
    message: 'The protection log is of another cluster or program.',
  });
  // A rotated identity is the same validator.
  await using _ = await open({ path: path(), owner: { ...owner, identity: named('rotated') } });
});

test('V-25: in a closed epoch nothing is signed or sent, across restarts, and what is closed stays so', async () => {
  const attestation = { epoch: 4n, manifestHash: named('a'), salt: named('salt') };
  {
    await using protection = await openProtection(path());
    await protection.attest(attestation);
    await protection.close({ attestation: 6n, rootVote: 5n, verdict: -1n });
    await protection.close({ attestation: 2n, rootVote: 2n, verdict: -1n });
  }
  await using protection = await openProtection(path());
  expect([protection.attestation(4n), protection.newestAttested()]).toEqual([undefined, 6n]);
  await expect(protection.attest(attestation)).rejects.toMatchObject({ code: 'SLASHING_PROTECTION' });
  await expect(protection.attest({ ...attestation, epoch: 6n })).rejects.toMatchObject({
    facts: { what: 'attestation', epoch: 6n, closedThrough: 6n, firstOpenEpoch: 7n },
  });
  const next = { ...attestation, epoch: 7n };
  expect(await protection.attest(next)).toEqual(next);
  expect([protection.maySeal(5n, 0), protection.maySeal(6n, 0)]).toEqual([false, true]);
});

test('V-25: the log stays small over many epochs and still refuses what it no longer holds', async () => {
  const attestation = (epoch: bigint, name = 'manifest') => ({
    epoch,
    manifestHash: named(`${name} ${epoch}`),
    salt: named('salt'),
  });
  const epochs = 1_000n;
  {
    await using protection = await open({ path: path(), owner, compactAt: 64 });
    for (let epoch = 0n; epoch < epochs; epoch++) await protection.attest(attestation(epoch));
  }
  // A record has 73 bytes and a frame of its own 12 more.
  expect((await stat(path())).size).toBeLessThan(300 * 100);
  await using protection = await open({ path: path(), owner, compactAt: 64 });
  for (const epoch of [0n, epochs - KEPT_EPOCHS - 1n, epochs - KEPT_EPOCHS, epochs - 1n]) {
    await expect(protection.attest(attestation(epoch, 'other'))).rejects.toMatchObject({
      code: 'SLASHING_PROTECTION',
    });
  }
  expect(protection.attestation(epochs - KEPT_EPOCHS)).toEqual(attestation(epochs - KEPT_EPOCHS));
});

test('what a killed process had acknowledged still binds', { timeout: 60_000 }, async () => {
  const program = fileURLToPath(new URL('../fixtures/attestForever.ts', import.meta.url));
  for (let round = 0; round < 5; round++) {
    const acknowledged = await acknowledgedUntilKilled(program, 20 + 37 * round);
    await using protection = await openProtection(path());
    for (const epoch of acknowledged) {
      await expect(
        protection.attest({ epoch, manifestHash: named('another'), salt: named('salt') }),
      ).rejects.toMatchObject({ code: 'SLASHING_PROTECTION' });
      // What is older may have been closed with its epoch.
      if (epoch <= protection.newestAttested() - KEPT_EPOCHS) continue;
      expect(protection.attestation(epoch)?.manifestHash).toEqual(named(`manifest ${epoch}`));
    }
  }
});

/** Runs the program until it has acknowledged so many epochs, then kills it in the middle of its work. */
async function acknowledgedUntilKilled(program: string, count: number): Promise<readonly bigint[]> {
  const child: ChildProcess = spawn(process.execPath, [program, path()], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: bigint[] = [];
  if (child.stdout === null) throw new RangeError('The child has a pipe for its output.');
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(BigInt(line));
    if (acknowledged.length === count) child.kill('SIGKILL');
  }
  expect(child.signalCode ?? (await new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal))))).toBe(
    'SIGKILL',
  );
  return acknowledged;
}
