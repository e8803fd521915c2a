import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { provenBundle } from '../e2e/provenBundle.ts';
import { CHROMIUM, goTo, objections, openPage } from './openPage.ts';
import { PAGE_POLICY, serveFolder } from './serveFolder.ts';

// The built page without a gateway, with the bundle of an answer whose token was proven and a node that was recorded with it.

const root = fileURLToPath(new URL('../../', import.meta.url));
const NODE = 'http://127.0.0.1:1/';
const { answerRpc, file, programId } = provenBundle();

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [`${root}launch.mjs`, 'build:dashboard']);
}, 120_000);

const title = CHROMIUM === undefined ? 'in a browser (skipped: no Chromium is installed here)' : 'in a browser';
describe.skipIf(CHROMIUM === undefined)(title, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  }, 60_000);
  afterAll(() => browser?.close());

  /** Answers for the node, `getSlot` once `slot` is there. */
  async function serveNode(page: Page, slot: Promise<void> = Promise.resolve()): Promise<void> {
    await page.route(NODE, async (route) => {
      const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };
      if (route.request().method() === 'OPTIONS') return route.fulfill({ status: 204, headers });
      const asked = route.request().postDataJSON() as { readonly method: string };
      if (asked.method === 'getSlot') await slot;
      await route.fulfill({ headers, json: answerRpc(asked) });
    });
  }

  async function nameNode(page: Page, rpcUrl: string): Promise<void> {
    await goTo(page, 'Chain', 'Name a node');
    await page.getByLabel('RPC URL').fill(rpcUrl);
    await page.getByLabel('Program id').fill(programId);
    await page.keyboard.press('Enter');
  }

  async function giveBundle(page: Page): Promise<void> {
    await goTo(page, 'Check', 'A bundle that you have kept');
    const buffer = Buffer.from(JSON.stringify(file));
    await page
      .getByLabel('A bundle that you have kept')
      .setInputFiles({ name: 'bundle.json', mimeType: 'application/json', buffer });
  }

  test('who names a node and goes on before it answers has it read, and sees every proof being checked', async () => {
    await using server = await serveFolder(`${root}web/dashboard/dist`, PAGE_POLICY);
    const { promise: slot, resolve: answerSlot } = Promise.withResolvers<void>();
    const route = (page: Page) => serveNode(page, slot);
    await using opened = await openPage(browser, { url: server.url, width: 360, route });
    const { page, faults } = opened;
    await nameNode(page, NODE);
    await giveBundle(page);
    await page.getByRole('status').getByText('Asking the node that you named …').waitFor();
    answerSlot();
    await page.getByLabel(/^\d+ of \d+ proofs checked$/).waitFor();
    expect(await objections(page)).toEqual([]);
    await page
      .getByText(/^This answer holds: all \d+ steps do, and its epoch is final\.$/)
      .waitFor({ timeout: 60_000 });
    await page
      .getByText(
        /^Token \d+ was drawn: (\d+) operators are proven, and the chain has a record that it checked \1 of these proofs itself\./,
      )
      .waitFor();
    await page.getByText('INSECURE DEVELOPMENT KEYS').waitFor();
    expect(await page.getByLabel(/proofs checked$/).count()).toBe(0);
    expect(await objections(page)).toEqual([]);
    // The folder's server has no gateway's routes.
    expect(faults.filter((fault) => !fault.includes('404'))).toEqual([]);
  });

  test('a page that is served without a part of it says so, and waits for nothing', async () => {
    await using server = await serveFolder(`${root}web/dashboard/dist`, PAGE_POLICY);
    const route = async (page: Page) => {
      await serveNode(page);
      await page.route('**/assets/proofWorker-*', (asked) => asked.fulfill({ status: 404 }));
    };
    await using opened = await openPage(browser, { url: server.url, route });
    const { page } = opened;
    await nameNode(page, NODE);
    await giveBundle(page);
    await page
      .getByRole('status')
      .getByText('Not checked here: The thread that checks proofs failed: it could not be loaded.')
      .waitFor();
  });

  test('a page that finds out that it has no gateway leaves the focus where the visitor has put it', async () => {
    await using server = await serveFolder(`${root}web/dashboard/dist`, PAGE_POLICY);
    const { promise: looked, resolve: answer } = Promise.withResolvers<void>();
    const route = (page: Page) =>
      page.route('**/v1/market', async (asked) => {
        await looked;
        await asked.fulfill({ status: 404 });
      });
    await using opened = await openPage(browser, { url: server.url, route });
    const { page } = opened;
    await page.getByRole('link', { name: 'Chain', exact: true }).focus();
    answer();
    await page.getByText('This page was not opened from a gateway').waitFor();
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Chain');
    await goTo(page, 'Chain', 'Name a node');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Where the chain is read');
  });

  test('a node that is refused after its form was left is told of where the visitor is', async () => {
    await using server = await serveFolder(`${root}web/dashboard/dist`, PAGE_POLICY);
    const { promise: asked, resolve: refuse } = Promise.withResolvers<void>();
    const route = (page: Page) =>
      page.route(NODE, async (request) => {
        await asked;
        await request.abort();
      });
    await using opened = await openPage(browser, { url: server.url, route });
    const { page } = opened;
    await nameNode(page, NODE);
    await giveBundle(page);
    await page.getByRole('status').getByText('Asking the node that you named …').waitFor();
    refuse();
    const sentence = 'is not used: The RPC node could not be reached';
    await page.getByRole('alert').getByText(`The node that you named ${sentence}`).waitFor();
    await page.getByText('Not checked here: Nobody has named an RPC node that this page may read.').waitFor();
    await goTo(page, 'Chain', `This node ${sentence}`);
    expect(await page.getByLabel('RPC URL').inputValue()).toBe(NODE);
    await goTo(page, 'Check', 'A bundle that you have kept');
    expect(await page.getByRole('alert').count()).toBe(0);
  });
});
