import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askOnce } from '../harness/answers.ts';
import { startTestMarket, type TestMarket } from '../harness/market.ts';
import { killHard, restarter } from '../harness/restart.ts';
import { CHROMIUM, goTo, objections, openPage } from './openPage.ts';
import { serveFolder } from './serveFolder.ts';

// The built page in a real browser, before a whole market of processes.

const FIRST_LOAD_BYTES = 300_000;
const root = fileURLToPath(new URL('../../', import.meta.url));
const dist = `${root}web/dashboard/dist`;

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [`${root}launch.mjs`, 'build:dashboard']);
}, 120_000);

test('the first load is below 300 kB, gzipped', async () => {
  const names = (await readdir(dist, { recursive: true })).filter((name) => /\.(html|js|css|svg)$/.test(name));
  const sizes = await Promise.all(names.map(async (name) => gzipSync(await readFile(`${dist}/${name}`)).length));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  expect(total).toBeGreaterThan(10_000);
  expect(total).toBeLessThan(FIRST_LOAD_BYTES);
});

const title = CHROMIUM === undefined ? 'in a browser (skipped: no Chromium is installed here)' : 'in a browser';
describe.skipIf(CHROMIUM === undefined)(title, () => {
  let market: TestMarket;
  let browser: Browser;
  beforeAll(async () => {
    market = await startTestMarket({ workers: 4, validators: 4 }, { signal: AbortSignal.timeout(110_000) });
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  }, 150_000);
  afterAll(async () => {
    await browser?.close();
    await market?.[Symbol.asyncDispose]();
  }, 60_000);

  /** Opens the page with a key. */
  async function open(options: { readonly width?: number; readonly colorScheme?: 'light' | 'dark' } = {}) {
    const { apiKey, url } = market.running.gateway;
    const opened = await openPage(browser, { ...options, url });
    await opened.page.getByLabel('API key').fill(apiKey);
    await opened.page.keyboard.press('Enter');
    await opened.page.locator('option').first().waitFor({ state: 'attached' });
    return opened;
  }

  async function ask(page: Page): Promise<void> {
    await page.getByLabel('Your question').fill('What is the capital of France?');
    await page.keyboard.press('Control+Enter');
    // On a machine with more to do than cores one of the three may come too late.
    await page.getByText(/^[23] of \d workers agree on this answer\.$/).waitFor({ timeout: 60_000 });
  }

  async function nameNode(page: Page, rpcUrl: string): Promise<void> {
    await goTo(page, 'Chain', 'Name a node');
    await page.getByLabel('RPC URL').fill(rpcUrl);
    await page.getByLabel('Program id').fill(market.cluster.programId);
    await page.keyboard.press('Enter');
  }

  test.each([
    [1280, 'light'],
    [360, 'dark'],
  ] as const)(
    'every view at %i px, %s: by keyboard, without a fault of accessibility or policy',
    {
      timeout: 90_000,
    },
    async (width, colorScheme) => {
      await using opened = await open({ width, colorScheme });
      const { page, faults } = opened;
      await ask(page);
      expect(await objections(page)).toEqual([]);
      const steps = page.getByLabel('Steps of worker 1').locator('li');
      const boxes = await Promise.all((await steps.all()).map((step) => step.boundingBox()));
      expect(await page.getByLabel('Steps of worker 1').locator('.done').count()).toBe(4);
      expect(new Set(boxes.map((box) => box?.y)).size).toBe(1);
      await page.getByRole('link', { name: 'Check this answer yourself' }).press('Enter');
      await page.getByText('Signatures, assignment, seals, quorum and price hold').waitFor();
      expect(await page.locator('.fails').count()).toBe(0);
      expect(await page.evaluate('document.activeElement.textContent')).toBe('Check an answer yourself');
      expect(await objections(page)).toEqual([]);
      for (const [name, content] of [
        ['Workers', 'By its own word it runs'],
        ['Epochs', 'is running'],
        ['Mesh', 'Connected for'],
        ['Queue', 'may run at once'],
        ['Prices', 'SOL for a million tokens'],
        ['Chain', 'Name a node'],
      ] as const) {
        await goTo(page, name, content);
        expect([name, await objections(page)]).toEqual([name, []]);
      }
      expect(faults).toEqual([]);
    },
  );

  test('the queue shows a request on its way, and what the last minutes were', { timeout: 150_000 }, async () => {
    await using opened = await open();
    await goTo(opened.page, 'Queue', 'may run at once');
    let isSeen = false;
    const seen = opened.page
      .locator('.stages .some')
      .first()
      .waitFor({ timeout: 75_000 })
      .finally(() => {
        isSeen = true;
      });
    // A request can come and go between two looks of the page, so that one is sent after the other.
    do await askOnce(market.running.gateway, { signal: AbortSignal.timeout(75_000) });
    while (!isSeen);
    await seen;
    await opened.page.getByRole('table', { name: 'Requests by minute' }).waitFor();
  });

  test('a final answer holds, its karma is in the history, and one changed byte of its evidence turns a step red', {
    timeout: 150_000,
  }, async () => {
    await using opened = await open();
    const { page } = opened;
    await ask(page);
    await page.getByRole('link', { name: 'Check this answer yourself' }).click();
    const requestId = page.url().split('/').at(-1) ?? '';
    const { file } = await market.final(requestId, { signal: AbortSignal.timeout(90_000) });
    await page.getByRole('button', { name: 'Check again' }).click();
    await page.getByText(/^This answer holds: all \d+ steps do, and its epoch is final\.$/).waitFor();
    await goTo(page, 'Workers', 'earned something in');
    await page.getByText('As a table').first().press('Enter');
    await page.getByRole('table', { name: 'Karma earned by epoch' }).waitFor();
    expect(await objections(page)).toEqual([]);

    const request = file.parts.request ?? '';
    // The last byte belongs to the blinding, so that the request still has its form.
    const changed = `${request.slice(0, -1)}${request.endsWith('0') ? '1' : '0'}`;
    await page.route('**/v1/receipts/*', (route) =>
      route.fulfill({ json: { ...file, parts: { ...file.parts, request: changed } } }),
    );
    await page.goto(`${market.running.gateway.url}/#/check/${requestId}`);
    await page.getByText(/^This answer does not hold/).waitFor();
    expect(await page.locator('.fails.first .what').textContent()).toBe(
      '✗Fails: The request is the one that was signed B-03',
    );

    await using folder = await temporaryFolder();
    const bundle = join(folder.path, 'bundle.json');
    await writeFile(bundle, JSON.stringify(file));
    await using server = await serveFolder(dist);
    await using alone = await openPage(browser, { url: server.url, width: 360 });
    await alone.page.getByText('This page was not opened from a gateway').waitFor();
    expect(await objections(alone.page)).toEqual([]);
    await goTo(alone.page, 'Workers', 'Name an RPC node');
    await nameNode(alone.page, market.running.rpcUrl);
    await alone.page.getByText('It serves 4 workers and 4 validators').waitFor();
    await goTo(alone.page, 'Workers', 'karma in all');
    await goTo(alone.page, 'Epochs', 'finalised');
    await alone.page.getByText('Votes and transactions').first().press('Enter');
    await alone.page.getByText('by this browser').waitFor();
    await goTo(alone.page, 'Mesh', 'only a gateway knows its peers');
    await goTo(alone.page, 'Check', 'A bundle that you have kept');
    await alone.page.getByLabel('A bundle that you have kept').setInputFiles(bundle);
    await alone.page.getByText(/^This answer holds: all \d+ steps do, and its epoch is final\.$/).waitFor();
    expect(await objections(alone.page)).toEqual([]);
  });

  test('a node of the visitor’s own is read instead of the gateway’s; one that is down or of another cluster is refused', {
    timeout: 90_000,
  }, async () => {
    await using opened = await open();
    const { page } = opened;
    await nameNode(page, 'http://127.0.0.1:1');
    await page.getByText(/This node is not used: The RPC node could not be reached/).waitFor();
    const another = '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi';
    await page.route('https://another.example/**', async (route) => {
      const asked = route.request().postDataJSON() as { readonly method: string };
      const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };
      if (route.request().method() === 'OPTIONS') return route.fulfill({ status: 204, headers });
      if (asked.method === 'getGenesisHash') {
        return route.fulfill({ headers, json: { jsonrpc: '2.0', id: 1, result: another } });
      }
      const response = await fetch(market.running.rpcUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(asked),
      });
      return route.fulfill({ headers, json: await response.json() });
    });
    await nameNode(page, 'https://another.example/');
    await page.getByText(/This node is not used: The RPC node serves another cluster/).waitFor();
    await nameNode(page, market.running.rpcUrl);
    await page.getByText('The page reads from it now.').waitFor();
    await page.getByText(`read at ${new URL(market.running.rpcUrl).origin}.`).waitFor();
    await goTo(page, 'Workers', 'karma in all');
    await page.reload();
    await page.getByText(`read at ${new URL(market.running.rpcUrl).origin}.`).waitFor();
    await goTo(page, 'Chain', 'which you named');
    await page.getByRole('button', { name: 'Go back to the gateway’s' }).press('Enter');
    await page.getByText('Workers and epochs are what the gateway read.').waitFor();
  });

  test('a worker that is killed is seen to be lost within two seconds; in its place a liar comes, and is seen to dissent', {
    timeout: 120_000,
  }, async () => {
    const signal = AbortSignal.timeout(100_000);
    await using opened = await open({ width: 360, colorScheme: 'dark' });
    await using asking = await open({ width: 360 });
    const { page, faults } = opened;
    await goTo(page, 'Mesh', 'Connected for');
    const child = market.running.workers[0];
    if (child === undefined) throw new RangeError('The market has a worker.');
    const killed = performance.now();
    const gone = killHard(child);
    await page.locator('.mesh .peer.worker.lost').waitFor();
    await page
      .getByRole('status')
      .getByText(/^Worker \w{6}…\w{6} was lost: .+\.$/)
      .waitFor();
    expect(performance.now() - killed).toBeLessThan(2_000);
    await gone;
    expect(await page.locator('.peers .lost').count()).toBe(1);
    expect(await objections(page)).toEqual([]);

    await using again = restarter(market, { signal });
    await again.worker(0, { script: `${root}test/adversary/hostile/lyingWorker.ts` });
    await page
      .getByRole('status')
      .getByText(/is connected\.$/)
      .waitFor();
    expect(await page.locator('.mesh .peer.lost').count()).toBe(0);
    await asking.page.getByText('Once agreed', { exact: true }).click();
    const dissent = asking.page.locator('.card.dissent');
    await market.until(
      async () => {
        await asking.page.getByLabel('Your question').fill('What is the capital of France?');
        await asking.page.keyboard.press('Control+Enter');
        await asking.page.getByRole('link', { name: 'Check this answer yourself' }).waitFor();
        return (await dissent.count()) > 0;
      },
      { signal },
    );
    const sentence = /^2 of 3 workers agree on this answer; worker \d gave another, which counts for nothing\.$/;
    await asking.page.getByRole('status').getByText(sentence).waitFor();
    await dissent.getByText('dissented').waitFor();
    await dissent.getByText('Gave another answer than the workers who agree, and earns nothing.').waitFor();
    expect(await asking.page.locator('.answer .text').textContent()).not.toContain('It is not so.');
    expect(await objections(asking.page)).toEqual([]);
    expect(faults).toEqual([]);
  });
});

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'karmesh-page-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
