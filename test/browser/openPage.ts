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

/** Opens the page in a context of its own. What `route` answers for is set before anything is asked: a request under way may be lost. */
export async function openPage(
  browser: Browser,
  options: {
    readonly url: string;
    readonly width?: number;
    readonly colorScheme?: 'light' | 'dark';
    readonly route?: (page: Page) => Promise<unknown>;
  },
): Promise<OpenedPage> {
  const { colorScheme = 'light', route, url, width = 1280 } = options;
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  await route?.(page);
  await page.goto(url);
  return { page, faults, [Symbol.asyncDispose]: () => context.close() };
}

/** Goes to a view by keyboard, and waits for a text of it. */
export async function goTo(page: Page, view: string, text: string | RegExp): Promise<void> {
  await page.getByRole('link', { name: view, exact: true }).press('Enter');
  await page.locator('main :visible').getByText(text).first().waitFor();
}

/**
 * What axe-core objects to, and whether the page must be scrolled sideways. With KARMESH_SCREENSHOTS set to a folder the page as it was
 * judged lies there, to be looked at.
 */
export async function objections(page: Page): Promise<readonly string[]> {
  await keepPicture(page);
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

let pictures = 0;

async function keepPicture(page: Page): Promise<void> {
  const folder = process.env.KARMESH_SCREENSHOTS;
  if (folder === undefined || folder === '') return;
  pictures += 1;
  const view = new URL(page.url()).hash.split('/')[1] ?? 'ask';
  const name = `${String(pictures).padStart(2, '0')}-${view}-${page.viewportSize()?.width}.png`;
  await page.screenshot({ path: `${folder}/${name}`, fullPage: true });
}
