import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { hash, type Receipt, u64le } from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openReceiptLog } from './receiptLog.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-receipts-'));
});
afterEach(() => rm(folder, { recursive: true }));

function receipt(epoch: bigint, counter: bigint): Receipt {
  const bytes = hash(u64le(epoch), u64le(counter));
  return {
    dispatchHash: bytes,
    worker: new Uint8Array(32),
    epoch,
    counter,
    promptTokens: 1,
    outputTokens: 2,
    outputHash: bytes,
    bodyHash: bytes,
  };
}

test('W-16: counters go on after a restart, by epoch, and dispatches are remembered for two epochs', async () => {
  {
    await using log = await openReceiptLog(folder);
    expect([log.takeCounter(4n), log.takeCounter(4n), log.takeCounter(5n)]).toEqual([0n, 1n, 0n]);
    await log.record(receipt(4n, 0n));
    await log.record(receipt(4n, 1n));
    await log.record(receipt(5n, 0n));
  }
  await using log = await openReceiptLog(folder);
  expect([log.takeCounter(4n), log.takeCounter(5n), log.takeCounter(6n)]).toEqual([2n, 1n, 0n]);
  expect(log.hasDispatch(receipt(4n, 1n).dispatchHash)).toBe(true);
  await log.record(receipt(7n, 0n));
  expect(log.hasDispatch(receipt(4n, 1n).dispatchHash)).toBe(false);
  expect(log.hasDispatch(receipt(5n, 0n).dispatchHash)).toBe(true);
});

/** Takes counters, records them and then says which one it may sign, as fast as it can, until it is killed. */
const signer = `
  const { openReceiptLog } = await import(process.env.LOG);
  const log = await openReceiptLog(process.env.FOLDER);
  const bytes = new Uint8Array(32);
  const one = async () => {
    for (;;) {
      const counter = log.takeCounter(1n);
      await log.record({ dispatchHash: bytes, worker: bytes, epoch: 1n, counter, promptTokens: 0, outputTokens: 0, outputHash: bytes, bodyHash: bytes });
      process.stdout.write(counter + '\\n');
    }
  };
  await Promise.all([one(), one(), one()]);
`;

test('W-16: a worker that is killed in mid-write never signs a counter twice', async () => {
  const script = join(folder, 'signer.mjs');
  await writeFile(script, signer);
  const signed: string[] = [];
  for (let kill = 0; kill < 5; kill++) {
    const child = spawn(process.execPath, [script], {
      env: { ...process.env, LOG: new URL('./receiptLog.ts', import.meta.url).href, FOLDER: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const until = signed.length + 20 + 13 * kill;
    for await (const line of createInterface(child.stdout)) {
      signed.push(line);
      if (signed.length === until) child.kill('SIGKILL');
    }
  }
  expect(signed.length).toBeGreaterThan(200);
  expect(new Set(signed).size).toBe(signed.length);
});
