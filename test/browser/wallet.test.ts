import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { requestAirdrop, toBase58 } from '@karmesh/sdk/program';
import { generateKeypair } from '@karmesh/sdk/runtime';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askUntilAnswered } from '../harness/answers.ts';
import { startTestMarket, type TestMarket } from '../harness/market.ts';
import { CHROMIUM, goTo, objections, openPage } from './openPage.ts';
import { installWallet } from './testWallet.ts';

// Prices, and what a wallet does on the page, before a whole market of processes.

const root = fileURLToPath(new URL('../../', import.meta.url));
const SOL = 1_000_000_000n;

const title = CHROMIUM === undefined ? 'in a browser (skipped: no Chromium is installed here)' : 'in a browser';
describe.skipIf(CHROMIUM === undefined)(title, () => {
  let market: TestMarket;
  let browser: Browser;
  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [`${root}launch.mjs`, 'build:dashboard']);
    market = await startTestMarket({ workers: 3, validators: 4 }, { signal: AbortSignal.timeout(110_000) });
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  }, 250_000);
  afterAll(async () => {
    await browser?.close();
    await market?.[Symbol.asyncDispose]();
  }, 60_000);

  test('without a wallet the account’s view says what to do', { timeout: 60_000 }, async () => {
    await using opened = await openPage(browser, { url: market.running.gateway.url, width: 360 });
    await goTo(opened.page, 'Account', 'no Solana wallet that speaks the wallet standard');
    expect(await objections(opened.page)).toEqual([]);
  });

  test.each([
    [1280, 'light'],
    [360, 'dark'],
  ] as const)(
    'a wallet logs in, pays in, makes, caps, rotates and revokes a key at %i px, %s',
    {
      timeout: 150_000,
    },
    async (width, colorScheme) => {
      const signal = AbortSignal.timeout(140_000);
      const wallet = generateKeypair();
      await requestAirdrop(market.running.client.connection, { address: wallet.publicKey, lamports: 2n * SOL, signal });
      await using opened = await openPage(browser, {
        url: market.running.gateway.url,
        width,
        colorScheme,
        route: (page) => installWallet(page, wallet),
      });
      const { faults, page } = opened;
      await goTo(page, 'Prices', 'SOL for a million tokens');
      expect(await page.getByRole('row', { name: /^Master/ }).count()).toBe(2);
      expect(await objections(page)).toEqual([]);

      await goTo(page, 'Account', 'Connect a wallet');
      expect(await objections(page)).toEqual([]);
      await page.getByRole('button', { name: 'Connect Test Wallet' }).press('Enter');
      await page.getByRole('button', { name: 'Log in with this wallet' }).press('Enter');
      await page.getByText('Nothing was paid in yet.').waitFor();

      await page.getByLabel('Amount').fill('0.5');
      await page.getByRole('button', { name: 'Pay in' }).press('Enter');
      await page.getByText('The deposit is credited.').waitFor({ timeout: 60_000 });
      await page.locator('.stages').getByText('0.5', { exact: true }).waitFor();
      await page.getByRole('row', { name: /a deposit .* \+0\.5$/ }).waitFor();

      await page.getByText('Make a key', { exact: true }).press('Enter');
      await page.getByLabel('Name').fill('My dApp');
      await page.getByLabel('SOL a day').last().fill('0.1');
      await page.getByRole('button', { name: 'Make this key' }).press('Enter');
      const secret = page.locator('.secret code');
      const first = (await secret.textContent()) ?? '';
      expect(await modelsStatus(first)).toBe(200);
      await page.getByText('of 0.1 SOL').waitFor();
      expect(await objections(page)).toEqual([]);
      await page.getByRole('button', { name: 'I have kept it' }).press('Enter');
      expect(await page.getByText(first).count()).toBe(0);

      await page.getByText('Change its caps').press('Enter');
      await page.locator('.cards').getByLabel('SOL in total').fill('0.4');
      await page.getByRole('button', { name: 'Set these caps' }).press('Enter');
      await page.getByText('of 0.4 SOL').waitFor();

      await page.getByRole('button', { name: 'Rotate My dApp' }).press('Enter');
      await page.getByRole('button', { name: 'Give it a new secret' }).press('Enter');
      await secret.waitFor();
      const second = (await secret.textContent()) ?? '';
      expect(second).not.toBe(first);
      expect([await modelsStatus(first), await modelsStatus(second)]).toEqual([200, 200]);

      await page.reload();
      await page.getByText('of 0.4 SOL').waitFor();
      expect(await page.getByText(second).count()).toBe(0);
      await page.getByRole('button', { name: 'Revoke My dApp' }).press('Enter');
      await page.getByRole('button', { name: 'Revoke it for good' }).press('Enter');
      await page.getByText('One revoked key').waitFor();
      // The gateway remembers for two seconds that a key was good.
      await market.until(async () => (await modelsStatus(second)) === 401, { signal });
      expect(await objections(page)).toEqual([]);

      await page.getByRole('button', { name: 'Log out' }).press('Enter');
      await page.getByRole('heading', { name: 'Connect a wallet' }).waitFor();
      expect(await page.evaluate("sessionStorage.getItem('karmesh.session')")).toBe(null);
      expect(faults).toEqual([]);
    },
  );

  // Before workers unstake: it takes three to answer.
  test('an owner sees what final epochs owe, and is offered no claim that the chain does not bear out', {
    timeout: 200_000,
  }, async () => {
    const signal = AbortSignal.timeout(190_000);
    const member = market.folder.workers[2];
    if (member === undefined) throw new RangeError('The market has such a worker.');
    const { requestId } = await askUntilAnswered(market.running.gateway, { signal });
    await market.final(requestId, { signal });
    await using opened = await openPage(browser, {
      url: market.running.gateway.url,
      width: 360,
      route: (page) => installWallet(page, member.owner),
    });
    const { faults, page } = opened;
    await goTo(page, 'Operate', 'Connect a wallet');
    await page.getByRole('button', { name: 'Connect Test Wallet' }).press('Enter');
    // Validators claim by themselves, a moment after an epoch is final.
    await page.getByText('All that final epochs owe was claimed.').waitFor({ timeout: 90_000 });
    expect(await objections(page)).toEqual([]);

    const zeros = { inference: '0', seeding: '0', uptime: '0', redundancy: '0', validation: '0' };
    const claim = { index: 0, lifetimeKarma: zeros, owedLamports: '9000000', receiptsRoot: '0'.repeat(64), path: [] };
    await page.route('**/v1/market/claims/**', (route) => route.fulfill({ json: { epoch: '0', claim } }));
    await page.getByText('The gateway’s claim does not reach the root on chain.').waitFor({ timeout: 90_000 });
    expect(await page.getByRole('button', { name: /^Claim/ }).count()).toBe(0);
    expect(await objections(page)).toEqual([]);
    expect(faults).toEqual([]);
  });

  test.each([
    [1280, 'light', 0],
    [360, 'dark', 1],
  ] as const)(
    'an owner sees a worker’s bond and unstakes it by wallet at %i px, %s',
    {
      timeout: 150_000,
    },
    async (width, colorScheme, index) => {
      const member = market.folder.workers[index];
      if (member === undefined) throw new RangeError('The market has such a worker.');
      await using opened = await openPage(browser, {
        url: market.running.gateway.url,
        width,
        colorScheme,
        route: (page) => installWallet(page, member.owner),
      });
      const { faults, page } = opened;
      await goTo(page, 'Operate', 'Connect a wallet');
      await page.getByLabel('Or look at any owner’s or staker’s address').fill('nonsense');
      await page.getByRole('button', { name: 'Look' }).press('Enter');
      await page.getByText('An address must be 32 bytes in base58.').waitFor();
      await page
        .getByLabel('Or look at any owner’s or staker’s address')
        .fill(toBase58(market.folder.validators[0]?.owner.publicKey ?? new Uint8Array(32)));
      await page.getByRole('button', { name: 'Look' }).press('Enter');
      await page.getByText('Commission to collect').waitFor();
      // Whoever only looks is offered nothing to sign.
      expect(await page.getByRole('button', { name: 'Unstake' }).count()).toBe(0);
      expect(await objections(page)).toEqual([]);

      await page.getByRole('button', { name: 'Connect Test Wallet' }).press('Enter');
      await page.getByRole('button', { name: 'Back to your wallet’s' }).press('Enter');
      await page.getByText('Paid by claims so far').waitFor();
      await page.getByRole('button', { name: 'Unstake the bond', exact: true }).press('Enter');
      await page.getByRole('button', { name: 'Unstake the bond now' }).press('Enter');
      await page.getByText('Unstake the bond: done, and final.').waitFor({ timeout: 60_000 });
      await page.getByText('On its way out').waitFor();
      expect((await market.worker(index, { signal: AbortSignal.timeout(10_000) })).units[0]).toBe(0n);
      expect(await objections(page)).toEqual([]);
      expect(faults).toEqual([]);
    },
  );

  async function modelsStatus(key: string): Promise<number> {
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${market.running.gateway.url}/v1/models`, { headers });
    await response.body?.cancel();
    return response.status;
  }
});
