import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Report, signRecord, type Verdict, verdictRecord, ZERO_HASH } from '@karmesh/sdk/protocol';
import { generateKeypair } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { named } from '../fixtures/market.ts';
import { openProtection } from './openProtection.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'validator-protection-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const path = (): string => join(folder, 'protection.log');
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
  const sign = (value: Verdict) => () => signRecord(verdictRecord, { domain: named('domain'), signer }, value);
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

test('what a killed process had acknowledged still binds', { timeout: 60_000 }, async () => {
  const program = fileURLToPath(new URL('../fixtures/attestForever.ts', import.meta.url));
  for (let round = 0; round < 5; round++) {
    const acknowledged = await acknowledgedUntilKilled(program, 20 + 7 * round);
    await using protection = await openProtection(path());
    for (const epoch of acknowledged) {
      await expect(
        protection.attest({ epoch, manifestHash: named('another'), salt: named('salt') }),
      ).rejects.toMatchObject({ code: 'SLASHING_PROTECTION' });
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
