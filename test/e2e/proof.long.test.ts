import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clusterPreset } from '@karmesh/sdk/clusters';
import { operatorCount } from '@karmesh/sdk/protocol';
import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { fixtureLocalnet } from '../../validator/src/fixtures/localnet.ts';
import { CHROMIUM, goTo, openPage } from '../browser/openPage.ts';
import { PAGE_POLICY, serveFolder } from '../browser/serveFolder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const LAYERS = 4;
const HOUR_MS = 3_600_000;

/** Runs a program and gives what it printed and how it ended. */
async function run(script: string, args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  let text = '';
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString();
  });
  const [code] = await once(child, 'close');
  return { code: Number(code), text };
}

const onceResult = z.object({
  bundle: z.string(),
  requestId: z.string(),
  verified: z.boolean(),
  quorum: z.object({ agreeing: z.number() }),
  workers: z.record(z.string(), z.object({ after: z.object({ karma: z.record(z.string(), z.string()) }) })),
  proof: z.object({
    position: z.number(),
    proven: z.number(),
    unproven: z.array(z.string()),
    recorded: z.number(),
    isInsecure: z.boolean(),
  }),
});

/** Checks the bundle in a page that knows no gateway, with the chain alone. */
async function checkInPage(check: {
  readonly bundle: string;
  readonly rpcUrl: string;
  readonly programId: string;
  readonly proof: { readonly position: number; readonly proven: number };
}): Promise<void> {
  await promisify(execFile)(process.execPath, [join(root, 'launch.mjs'), 'build:dashboard'], { cwd: root });
  await using server = await serveFolder(join(root, 'web/dashboard/dist'), PAGE_POLICY);
  await using browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  await using opened = await openPage(browser, { url: server.url });
  const { page } = opened;
  const { position, proven } = check.proof;
  await goTo(page, 'Chain', 'Name a node');
  await page.getByLabel('RPC URL').fill(check.rpcUrl);
  await page.getByLabel('Program id').fill(check.programId);
  await page.keyboard.press('Enter');
  await goTo(page, 'Check', 'A bundle that you have kept');
  await page.getByLabel('A bundle that you have kept').setInputFiles(check.bundle);
  // Whatever the page finds ends the wait. A busy machine takes long for the proofs.
  const verdict = page.locator('.standing.good, .standing.bad');
  await verdict.waitFor({ timeout: HOUR_MS / 12 });
  expect(await verdict.textContent()).toMatch(/^This answer holds: all \d+ steps do, and its epoch is final\.$/);
  await page.getByText(`Token ${position} was drawn: ${proven} operators are proven`).waitFor();
  await page.getByText('INSECURE DEVELOPMENT KEYS').first().waitFor();
}

test('an answer is proven, recorded on chain and paid; bundle and chain alone show it again, and nothing that is changed', {
  timeout: 2 * HOUR_MS,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-proof-'));
  try {
    const asked = await run('programs/localnet/src/up.ts', [
      '--data-dir',
      folder,
      '--once',
      'What is the capital of France?',
      '--assurance',
      'proof',
      '--rpc-port=0',
      '--gateway-port=0',
    ]);
    expect(asked.code).toBe(0);
    const { bundle, proof, quorum, requestId, verified, workers } = onceResult.parse(JSON.parse(asked.text));
    const operators = operatorCount(LAYERS);
    expect(verified).toBe(true);
    expect(proof).toMatchObject({ isInsecure: true, recorded: proof.proven });
    // Behind a prompt's tokens nothing is chosen; behind 64 positions attention has no room.
    expect(proof.proven + proof.unproven.length).toBeGreaterThanOrEqual(operators - 2);
    const earned = Object.values(workers).filter(({ after }) => BigInt(after.karma.inference ?? '0') > 0n);
    // On a busy machine one may be too slow to agree.
    expect(earned.length).toBe(quorum.agreeing);
    expect(earned.length).toBeGreaterThanOrEqual(2);

    const { programId } = clusterPreset('localnet');
    await using chain = await fixtureLocalnet({ programId, slotMs: 400, dataDir: join(folder, 'ledger') });
    const verify = (path: string) => run('sdk/src/cli/karmesh.ts', ['receipt', 'verify', path, '--url', chain.rpcUrl]);
    const whole = await verify(bundle);
    expect(whole.code).toBe(0);
    expect(whole.text).toContain(
      `Token ${proof.position} was drawn: ${proof.proven} operators are proven, and the chain has a record that it checked ${proof.proven} of these proofs itself.`,
    );
    expect(whole.text).toContain('INSECURE DEVELOPMENT KEYS');
    expect(whole.text).toContain(`The answer to request ${requestId} holds.`);

    if (CHROMIUM !== undefined) await checkInPage({ bundle, rpcUrl: chain.rpcUrl, programId, proof });

    const file = JSON.parse(await readFile(bundle, 'utf8')) as { parts: Record<string, string> };
    const challenge = file.parts.challenge ?? '';
    const changed = join(folder, 'changed.json');
    // In the answer's head, its leaves, commitments, opening and proofs.
    for (const share of [0.0001, 0.01, 0.2, 0.5, 0.8, 0.99]) {
      const at = 2 * Math.floor((share * challenge.length) / 2);
      const digit = challenge[at] === '0' ? '1' : '0';
      const parts = { ...file.parts, challenge: `${challenge.slice(0, at)}${digit}${challenge.slice(at + 1)}` };
      await writeFile(changed, JSON.stringify({ ...file, parts }));
      expect((await verify(changed)).code, `a digit at ${share}`).not.toBe(0);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
