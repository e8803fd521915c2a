import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestMarket, type TestMarket } from '../harness/market.ts';

// The built page in a real browser, before a whole market of processes. The browser is the system's own: nothing is downloaded.

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const FIRST_LOAD_BYTES = 300_000;
const root = fileURLToPath(new URL('../../', import.meta.url));
const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [`${root}launch.mjs`, 'build:dashboard']);
}, 120_000);

test('the first load is below 300 kB, gzipped', async () => {
  const folder = `${root}web/dashboard/dist/`;
  const names = (await readdir(folder, { recursive: true })).filter((name) => /\.(html|js|css|svg)$/.test(name));
  const sizes = await Promise.all(names.map(async (name) => gzipSync(await readFile(`${folder}${name}`)).length));
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

  /** Opens the page with a key; `faults` gathers whatever the browser complains of, a broken policy above all. */
  async function open(width: number, colorScheme: 'light' | 'dark') {
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(market.running.gateway.url);
    await page.getByLabel('API key').fill(market.running.gateway.apiKey);
    await page.keyboard.press('Enter');
    await page.locator('option').first().waitFor({ state: 'attached' });
    return { page, faults, [Symbol.asyncDispose]: () => context.close() };
  }

  async function ask(page: Page): Promise<void> {
    await page.getByLabel('Your question').fill('What is the capital of France?');
    await page.keyboard.press('Control+Enter');
    await page.getByText('3 of 3 workers agree on this answer.').waitFor();
  }

  /** What axe-core objects to, and whether the page must be scrolled sideways. */
  async function objections(page: Page): Promise<readonly string[]> {
    // By way of the debugger, which the page's policy does not bind.
    const session = await page.context().newCDPSession(page);
    const source = await readFile(axePath, 'utf8');
    const run = "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes[0].target))";
    const { result } = await session.send('Runtime.evaluate', {
      expression: `${source};${run}`,
      awaitPromise: true,
      returnByValue: true,
    });
    const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
    return [...(result.value as string[]), ...(isWide === true ? ['wider than the window'] : [])];
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
      await using opened = await open(width, colorScheme);
      const { page, faults } = opened;
      await ask(page);
      expect(await objections(page)).toEqual([]);
      expect(await page.getByLabel('Steps of worker 1').locator('.done').count()).toBe(4);
      await page.getByRole('link', { name: 'Check this answer yourself' }).press('Enter');
      await page.getByText('Signatures, assignment, seals, quorum and price hold').waitFor();
      expect(await page.locator('.fails').count()).toBe(0);
      expect(await page.evaluate('document.activeElement.textContent')).toBe('Check an answer yourself');
      expect(await objections(page)).toEqual([]);
      for (const [name, content] of [
        ['Workers', 'inference'],
        ['Epochs', 'is running'],
      ] as const) {
        await page.getByRole('link', { name, exact: true }).press('Enter');
        await page.getByText(content).first().waitFor();
        expect(await objections(page)).toEqual([]);
      }
      expect(faults).toEqual([]);
    },
  );

  test('a final answer holds, and one changed byte of its evidence turns a step red', {
    timeout: 120_000,
  }, async () => {
    await using opened = await open(1280, 'light');
    const { page } = opened;
    await ask(page);
    await page.getByRole('link', { name: 'Check this answer yourself' }).click();
    const requestId = page.url().split('/').at(-1) ?? '';
    await market.final(requestId, { signal: AbortSignal.timeout(90_000) });
    await page.getByRole('button', { name: 'Check again' }).click();
    await page.getByText(/^This answer holds: all \d+ steps do, and its epoch is final\.$/).waitFor();

    await page.route('**/v1/receipts/*', async (route) => {
      const response = await route.fetch();
      const bundle = (await response.json()) as { parts: Record<string, string> };
      const request = bundle.parts.request ?? '';
      // The last byte belongs to the blinding, so that the request still has its form.
      const last = request.endsWith('0') ? '1' : '0';
      await route.fulfill({
        json: { ...bundle, parts: { ...bundle.parts, request: `${request.slice(0, -1)}${last}` } },
      });
    });
    await page.getByRole('button', { name: 'Check again' }).click();
    await page.getByText(/^This answer does not hold/).waitFor();
    expect(await page.locator('.fails.first .what').textContent()).toBe(
      '✗Fails: The request is the one that was signed B-03',
    );
  });
});
