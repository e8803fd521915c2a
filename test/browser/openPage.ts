import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';

/** The browser is the system's own: nothing is downloaded. */
export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

export interface OpenedPage extends AsyncDisposable {
  readonly page: Page;
  /** Whatever the browser complained of, a broken policy above all. */
  readonly faults: readonly string[];
}

/** Opens the page in a context of its own. */
export async function openPage(
  browser: Browser,
  options: { readonly url: string; readonly width?: number; readonly colorScheme?: 'light' | 'dark' },
): Promise<OpenedPage> {
  const { colorScheme = 'light', url, width = 1280 } = options;
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(url);
  return { page, faults, [Symbol.asyncDispose]: () => context.close() };
}

/** Goes to a view by keyboard, and waits for a text of it. */
export async function goTo(page: Page, view: string, text: string | RegExp): Promise<void> {
  await page.getByRole('link', { name: view, exact: true }).press('Enter');
  await page.locator('main :visible').getByText(text).first().waitFor();
}

/** What axe-core objects to, and whether the page must be scrolled sideways. */
export async function objections(page: Page): Promise<readonly string[]> {
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
