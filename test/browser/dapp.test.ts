import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { associatedTokenAccount, toBase58 } from '@karmesh/sdk/program';
import { Keypair, VersionedTransaction } from '@solana/web3.js';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestMarket, type TestMarket } from '../harness/market.ts';
import { nameToken } from '../harness/nameToken.ts';
import { namedKey, namedSecret } from '../program/keys.ts';
import type { ConnectedLedger } from '../program/ledger/connectedLedger.ts';
import { tokensIn } from '../program/tokenSteps.ts';
import { CHROMIUM, objections, openPage } from './openPage.ts';
import { PAGE_POLICY, serveFolder } from './serveFolder.ts';

// The example page in a real browser, on another origin than the gateway, with a wallet whose key the page never has.

const root = fileURLToPath(new URL('../../', import.meta.url));
const vite = fileURLToPath(new URL('../../node_modules/vite/bin/vite.js', import.meta.url));
const payer = namedKey('dapp payer');
const deposits = namedKey('dapp deposits');

const title = CHROMIUM === undefined ? 'in a browser (skipped: no Chromium is installed here)' : 'in a browser';
describe.skipIf(CHROMIUM === undefined)(title, () => {
  let market: TestMarket;
  let browser: Browser;
  let site: Awaited<ReturnType<typeof serveFolder>>;
  let ledger: ConnectedLedger;
  let mint: Uint8Array;
  beforeAll(async () => {
    const signal = AbortSignal.timeout(170_000);
    await promisify(execFile)(process.execPath, [vite, 'build', `${root}web/dapp`]);
    site = await serveFolder(`${root}web/dapp/dist`, PAGE_POLICY);
    const beforeGateway: Parameters<typeof startTestMarket>[0]['beforeGateway'] = async (client, { treasury }) => {
      const named = { initialiser: treasury, payer, deposits, rate: 1_000_000_000n, signal };
      const token = await nameToken(client, named);
      ({ ledger, mint } = token);
      return [...token.args, '--allow-origin', new URL(site.url).origin];
    };
    market = await startTestMarket({ workers: 3, validators: 0, beforeGateway }, { signal });
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await market?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  }, 60_000);

  const address = () => {
    const { gateway, rpcUrl } = market.running;
    return `${site.url}?${new URLSearchParams({ gateway: gateway.url, rpc: rpcUrl, mint: toBase58(mint) })}`;
  };
  const paidIn = () => tokensIn(ledger, associatedTokenAccount(deposits.publicKey, mint));

  async function ask(page: Page): Promise<void> {
    await page.locator('#model option').first().waitFor({ state: 'attached' });
    await page.getByLabel('Your question').fill('What is the capital of France?');
    await page.getByRole('button', { name: 'Ask and pay' }).press('Enter');
  }

  test.each([
    [1280, 'light'],
    [360, 'dark'],
  ] as const)(
    'at %i px, %s: asks, pays from the wallet, and shows an answer that holds',
    {
      timeout: 90_000,
    },
    async (width, colorScheme) => {
      const before = await paidIn();
      await using opened = await openPage(browser, { url: address(), width, colorScheme, route: withWallet });
      const { page, faults } = opened;
      expect(await objections(page)).toEqual([]);
      await ask(page);
      await page.getByText('Checked: signatures, draw, agreement and price of this answer hold').waitFor();
      expect(await page.locator('#answer').textContent()).not.toBe('');
      const paid = await page.locator('#paid').textContent();
      expect(paid).toMatch(/^Paid \d+ base units in transaction [1-9A-HJ-NP-Za-km-z]{80,90}\.$/);
      expect(await paidIn()).toBe(before + BigInt(/\d+/.exec(paid ?? '')?.[0] ?? 0));
      expect(await objections(page)).toEqual([]);
      // The browser itself says that the first request, which asked for the price, was answered with 402.
      expect(faults.filter((fault) => !fault.includes('402 (Payment Required)'))).toEqual([]);
    },
  );

  test('whose owner does not sign pays nothing, and may ask again', { timeout: 60_000 }, async () => {
    const before = await paidIn();
    await using opened = await openPage(browser, { url: address(), route: (page) => withWallet(page, 'refuses') });
    await ask(opened.page);
    await opened.page.getByRole('status').getByText('The owner said no.').waitFor();
    expect(await opened.page.getByRole('button', { name: 'Ask and pay' }).isEnabled()).toBe(true);
    expect(await paidIn()).toBe(before);
  });

  test('another token than the page names is not paid', { timeout: 60_000 }, async () => {
    const before = await paidIn();
    const url = address().replace(/mint=\w+/, `mint=${toBase58(payer.publicKey)}`);
    await using opened = await openPage(browser, { url, route: withWallet });
    await ask(opened.page);
    await opened.page
      .getByRole('status')
      .getByText(/rejected by spendControls/)
      .waitFor();
    expect(await paidIn()).toBe(before);
  });

  test('a browser without a wallet is told so, and a page of another origin cannot ask', {
    timeout: 60_000,
  }, async () => {
    await using opened = await openPage(browser, { url: address() });
    await opened.page.getByText('No wallet that can pay is installed in this browser.').waitFor();
    expect(await objections(opened.page)).toEqual([]);
    await using elsewhere = await serveFolder(`${root}web/dapp/dist`, PAGE_POLICY);
    const { search } = new URL(address());
    await using foreign = await openPage(browser, { url: `${elsewhere.url}${search}`, route: withWallet });
    await foreign.page.getByRole('status').getByText('The gateway did not answer.').waitFor();
  });
});

/** A wallet by the wallet standard, as an extension puts it into a page: it shows an address, and signs outside of the page. */
async function withWallet(page: Page, owner: 'signs' | 'refuses' = 'signs'): Promise<void> {
  await page.exposeFunction('signOutside', (bytes: readonly number[]): readonly number[] => {
    if (owner === 'refuses') throw new Error('The owner said no.');
    const transaction = VersionedTransaction.deserialize(Uint8Array.from(bytes));
    transaction.sign([Keypair.fromSecretKey(namedSecret('dapp payer'))]);
    return [...transaction.serialize()];
  });
  const account = { address: toBase58(payer.publicKey), publicKey: [...payer.publicKey] };
  await page.addInitScript(`{
    const chains = ['solana:devnet', 'solana:localnet'];
    const account = {
      address: '${account.address}', publicKey: Uint8Array.from(${JSON.stringify(account.publicKey)}),
      chains, features: ['solana:signTransaction'],
    };
    const signTransaction = (...inputs) => Promise.all(inputs.map(async ({ transaction }) =>
      ({ signedTransaction: Uint8Array.from(await signOutside([...transaction])) })));
    const wallet = {
      version: '1.0.0', name: 'Test wallet', icon: 'data:image/svg+xml;base64,', chains, accounts: [account],
      features: {
        'standard:connect': { version: '1.0.0', connect: async () => ({ accounts: [account] }) },
        'standard:events': { version: '1.0.0', on: () => () => {} },
        'solana:signTransaction': { version: '1.0.0', supportedTransactionVersions: ['legacy', 0], signTransaction },
      },
    };
    const register = ({ register }) => register(wallet);
    addEventListener('wallet-standard:app-ready', ({ detail }) => register(detail));
    dispatchEvent(new CustomEvent('wallet-standard:register-wallet', { detail: register }));
  }`);
}
