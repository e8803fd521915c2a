import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ask, chainReader, readClaim, toBase58 } from '@karmesh/sdk/client';
import { equalBytes, toHex } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestMarket, type TestMarket } from '../harness/market.ts';
import { killHard, restarter } from '../harness/restart.ts';

// A whole market of processes: a local cluster, a gateway, four workers with the bundled model and four validators.

const WORKERS = [0, 1, 2, 3] as const;
const NOTHING = [0n, 0n, 0n, 0n, 0n] as const;
const karmesh = fileURLToPath(new URL('../../sdk/src/cli/karmesh.ts', import.meta.url));
const question = { prompt: 'What is the capital of France?', temperature: 0 };
let market: TestMarket;
beforeAll(async () => {
  market = await startTestMarket({ workers: 4, validators: 4 }, { signal: AbortSignal.timeout(110_000) });
}, 120_000);
afterAll(() => market?.[Symbol.asyncDispose](), 60_000);

/** Runs `karmesh receipt verify` on a file as people do, away from any config file of this checkout. */
async function verifyByCommand(path: string): Promise<{ readonly code: number; readonly holds: unknown }> {
  const args = ['--disable-warning=ExperimentalWarning', karmesh, 'receipt', 'verify', path, '--json'];
  const options = { cwd: market.folder.path, timeout: 60_000 };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...args, '--url', market.running.rpcUrl], options);
    return { code: 0, holds: JSON.parse(stdout).holds };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && typeof error.code === 'number')) throw error;
    return { code: error.code, holds: false };
  }
}

test('one question: a quorum, a final epoch, karma and lamports for who agreed and nobody else, and a receipt that verifies', {
  timeout: 120_000,
}, async () => {
  const signal = AbortSignal.timeout(115_000);
  const { gateway, client } = market.running;
  const accounts = await Promise.all(WORKERS.map((index) => market.worker(index, { signal })));
  expect(accounts.map(({ lifetime, lifetimePaid }) => [lifetime, lifetimePaid])).toEqual(
    WORKERS.map(() => [NOTHING, 0n]),
  );
  const balances = await Promise.all(accounts.map(({ owner }) => client.balance(owner, { signal })));

  const answer = await ask(gateway, { ...question, signal });
  expect(answer.evidence.quorum.verdict).toBe('agreed');
  expect(answer.evidence.quorum.agreeing).toBeGreaterThanOrEqual(2);
  const { file, bundle, verdict } = await market.final(answer.evidence.requestId, { signal });
  expect(verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
  expect(verdict.holds).toBe(true);

  const credits = bundle.report?.credits ?? [];
  expect(credits).toHaveLength(answer.evidence.quorum.agreeing);
  const creditOf = (address: Uint8Array) => credits.find(({ participant }) => equalBytes(participant, address));
  await market.until(
    async () => {
      const now = await Promise.all(WORKERS.map((index) => market.worker(index, { signal })));
      return now.every(({ address, lifetimePaid }) => lifetimePaid === (creditOf(address)?.owed ?? 0n));
    },
    { signal },
  );
  for (const [index, account] of accounts.entries()) {
    const credit = creditOf(account.address);
    const now = await market.worker(index, { signal });
    expect(now.lifetime).toEqual(credit?.karma ?? NOTHING);
    expect(now.lifetime[0] > 0n).toBe(credit !== undefined);
    expect(now.lifetime[3] > 0n).toBe(credit !== undefined);
    expect((await client.balance(account.owner, { signal })) - (balances[index] ?? 0n)).toBe(credit?.owed ?? 0n);
  }

  // P-21: the gateway shows what each of them could claim, and the client finds it on chain, claimed by validators.
  const reader = chainReader({ rpcUrl: market.running.rpcUrl, programId: client.addresses.programId });
  for (const { participant, owed } of credits) {
    await market.until(
      async () => {
        const shown = await fetch(`${gateway.url}/v1/market/claims/latest/${toBase58(participant)}`, { signal });
        return (await shown.json()).claim?.owedLamports === owed.toString();
      },
      { signal },
    );
    expect(await readClaim(gateway, { participant, reader, signal })).toBeUndefined();
  }

  const path = join(market.folder.path, 'bundle.json');
  await writeFile(path, JSON.stringify(file));
  expect(await verifyByCommand(path)).toEqual({ code: 0, holds: true });
  const bent = { ...file, parts: { ...file.parts, slotHash: toHex(new Uint8Array(32).fill(1)) } };
  await writeFile(path, JSON.stringify(bent));
  expect(await verifyByCommand(path)).toEqual({ code: 1, holds: false });
});

test('kill -9 of a worker, a validator, the gateway and the cluster in mid-epoch loses nothing that was acknowledged', {
  timeout: 150_000,
}, async () => {
  const signal = AbortSignal.timeout(145_000);
  const { gateway, client, processes, workers, validators } = market.running;
  await using again = restarter(market, { signal });
  const before = await ask(gateway, { ...question, signal });
  const finalBefore = (await client.checkCluster({ signal })).lastFinalisedEpoch;
  const slotBefore = await client.connection.getSlot('confirmed');
  const [cluster, gatewayProcess] = processes;
  const [worker] = workers;
  const [validator] = validators;
  if (cluster === undefined || gatewayProcess === undefined || worker === undefined || validator === undefined)
    throw new RangeError('The market lacks a process.');
  await Promise.all([worker, validator, gatewayProcess, cluster].map(killHard));

  await again.cluster();
  expect(await client.connection.getSlot('confirmed')).toBeGreaterThanOrEqual(slotBefore);
  expect((await client.checkCluster({ signal })).lastFinalisedEpoch).toBeGreaterThanOrEqual(finalBefore);
  await again.gateway();
  await Promise.all([again.worker(0), again.validator(0)]);
  // The restarted gateway has to hear of its workers again before it can sell.
  await market.until(
    async () => {
      const response = await fetch(`${gateway.url}/readyz`, { signal });
      await response.body?.cancel();
      return response.ok;
    },
    { signal },
  );
  const after = await ask(gateway, { ...question, signal });
  expect(after.text).toBe(before.text);
  expect(after.evidence.quorum.verdict).toBe('agreed');

  // The answer that was given before the kill is paid for like the one after it.
  for (const { evidence } of [before, after]) {
    const { verdict, bundle } = await market.final(evidence.requestId, { signal });
    expect(verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
    expect(bundle.report?.credits).toHaveLength(evidence.quorum.agreeing);
  }
  const numbers = [before, after].map(({ evidence }) => `${evidence.epoch}/${evidence.dispatchNumber}`);
  expect(new Set(numbers).size).toBe(2);
});
