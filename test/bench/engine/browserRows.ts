import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { exactModelFile } from '../../../node/src/engines/exact/file/exactModelFile.ts';
import { CHROMIUM } from '../../browser/openPage.ts';
import { serveFolder } from '../../browser/serveFolder.ts';
import { type BenchRow, benchRow, median } from '../report.ts';
import type { PageRound } from './browser/page.ts';
import { plainPrompt } from './core.ts';

const ROUNDS = 15;
const WARM_UP = 3;
const TEXT = 'Once upon a time, there was a fox who lived in a den by the river.';
const START_TOKENS = 16;

/** Decoding in a page of a headless browser, beside llama.cpp in WebAssembly (wllama) in the same page; no threads, no GPU. */
export async function browserRows(options: {
  readonly modelPath: string;
  readonly cacheFolder: string;
  readonly contextSize: number;
  readonly vocabulary: number;
  readonly tokens: number;
}): Promise<readonly BenchRow[]> {
  if (CHROMIUM === undefined) throw new Error('This bench needs Chromium.');
  const { contextSize, tokens, vocabulary } = options;
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-bench-page-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await buildPage(folder, options);
  const { url } = stack.use(await serveFolder(folder));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  stack.defer(() => browser.close());
  const page = await browser.newPage();
  await page.goto(url);
  await page.evaluate(`benchPage.load(${JSON.stringify({ contextSize })})`);
  const request = JSON.stringify({ start: plainPrompt(START_TOKENS, vocabulary), text: TEXT, tokens });
  const rounds: PageRound[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const speeds = (await page.evaluate(`benchPage.round(${request})`)) as PageRound;
    if (round >= WARM_UP) rounds.push(speeds);
  }
  const rival = median(rounds.map(({ wllama }) => wllama));
  const row = (what: string, ours: number, aim: { readonly atLeast?: number }): BenchRow =>
    benchRow({ what, ours, rivalName: 'wllama, one thread', rival, unit: 'tokens/s', ...aim });
  return [
    row('decoding in a page, without a trace', median(rounds.map(({ bare }) => bare)), { atLeast: 1.5 }),
    row('decoding in a page, with the trace of blocks in JavaScript', median(rounds.map(({ blocks }) => blocks)), {}),
  ];
}

/** Puts the page and all that it fetches into a folder. */
async function buildPage(
  folder: string,
  { modelPath, cacheFolder }: { readonly modelPath: string; readonly cacheFolder: string },
): Promise<void> {
  const source = fileURLToPath(new URL('./browser/', import.meta.url));
  await build({
    configFile: false,
    logLevel: 'error',
    root: source,
    build: {
      outDir: folder,
      target: 'es2024',
      minify: false,
      lib: { entry: join(source, 'page.ts'), formats: ['es'], fileName: () => 'page.js' },
    },
  });
  const { path } = await exactModelFile(modelPath, { cacheFolder });
  await mkdir(folder, { recursive: true });
  const kernels = fileURLToPath(new URL('../../../node/wasm/simd.wasm', import.meta.url));
  const wllama = fileURLToPath(import.meta.resolve('@wllama/wllama/esm/wasm/wllama.wasm'));
  await copyFile(kernels, join(folder, 'kernels.wasm'));
  await copyFile(wllama, join(folder, 'wllama.wasm'));
  await copyFile(modelPath, join(folder, 'model.gguf'));
  await copyFile(path, join(folder, 'model.exact'));
  await writeFile(join(folder, 'index.html'), '<!doctype html><script type="module" src="page.js"></script>');
}
