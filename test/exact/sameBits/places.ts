import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { toHex } from '@karmesh/sdk/protocol';
import { chromium } from 'playwright-core';
import { type ExactModelFile, exactModelFile } from '../../../node/src/engines/exact/file/exactModelFile.ts';
import { generateStaged } from '../../../node/src/engines/exact/pipeline/generateStaged.ts';
import { spawnStage } from '../../../node/src/engines/exact/pipeline/spawnStage.ts';
import { loadStages } from '../../../node/src/engines/exact/stages/loadStages.ts';
import { nodeHash } from '../../../node/src/engines/exact/trace/nodeHash.ts';
import { traceModelOf } from '../../../node/src/engines/exact/trace/traceModel.ts';
import { CHROMIUM, openPage } from '../../browser/openPage.ts';
import { serveFolder } from '../../browser/serveFolder.ts';
import { spawnReference } from '../spawnReference.ts';
import type { NodePlace } from './main.ts';
import type { PagePlace } from './page/pagePlace.ts';
import { type BitAnswer, type BitCounts, bitRequests, type SameBits, sameBits } from './sameBits.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));
const MOST_OUTPUT = 1 << 28;

/** What ran, besides what came out. */
export type FoundBits = SameBits & { readonly node?: string; readonly kernels?: string };

/** A folder with the converted model; disposing removes it. */
export interface BitModel extends AsyncDisposable {
  readonly folder: string;
  readonly file: ExactModelFile;
}

export async function convertBundled(variant?: 'wide'): Promise<BitModel> {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-bits-'));
  const file = await exactModelFile(BUNDLED_MODEL_PATH, { cacheFolder: folder, variant });
  return { folder, file, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

/** In a thread of another Node. */
export async function onNode(program: string, place: NodePlace): Promise<FoundBits> {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const args = ['--disable-warning=ExperimentalWarning', main, JSON.stringify(place)];
  const { stdout } = await run(program, args, { maxBuffer: MOST_OUTPUT });
  return JSON.parse(stdout) as FoundBits;
}

/** Cut into processes before these layers. */
export async function inProcesses(
  { file }: BitModel,
  { counts, cuts }: { readonly counts: BitCounts; readonly cuts: readonly number[] },
): Promise<FoundBits> {
  const sizes = {
    modelPath: file.path,
    contextSize: 128,
    sequences: 2,
    batch: 16,
    threads: 1,
    kernels: 'simd',
  } as const;
  await using whole = await loadStages(sizes);
  const traceModel = traceModelOf(whole.model);
  await using stack = new AsyncDisposableStack();
  const layers = [0, ...cuts, traceModel.layers];
  const stages = await Promise.all(
    layers
      .slice(1)
      .map(async (to, i) => stack.use(await spawnStage({ ...sizes, modelId: file.modelId, from: layers[i] ?? 0, to }))),
  );
  return await sameBits(bitRequests(counts, traceModel.vocabulary), {
    atOnce: sizes.sequences,
    async answer(request) {
      const parts = { stages, traceModel, sha256: nodeHash };
      const { outputTokens, traceRoot } = await generateStaged(request, { batch: 16, endTokens: new Set() }, parts);
      return { outputTokens, traceRoot: toHex(traceRoot) };
    },
  });
}

/** In Python, some requests with as many tokens as it has time for. */
export async function inPython(
  { folder, file }: BitModel,
  { counts }: { readonly counts: BitCounts },
): Promise<readonly BitAnswer[]> {
  const path = join(folder, 'requests.json');
  const wide = file.variant === 'wide' ? ['--wide'] : [];
  const requests = bitRequests(counts, file.manifest.vocabulary).map((request) => ({
    ...request,
    requestId: toHex(request.requestId),
  }));
  await writeFile(path, JSON.stringify(requests));
  return (await spawnReference('answers', BUNDLED_MODEL_PATH, path, ...wide)) as readonly BitAnswer[];
}

/** A built page with the converted model beside it, served as a page must be that shares memory, or as most are. */
export interface BitPage extends AsyncDisposable {
  /** What the page's function gives: bits, or an error's code and sentence. */
  run(place: Pick<PagePlace, 'counts' | 'threads' | 'sequences'> & Partial<PagePlace>): Promise<unknown>;
}

const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** Builds the page and opens it in Chromium. `withoutVectors` breaks the kernels with vectors, as a browser without them would find them. */
export async function openBitPage(
  { file }: BitModel,
  options: { readonly isIsolated: boolean; readonly withoutVectors?: boolean },
): Promise<BitPage> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-page-'));
  stack.defer(() => rm(folder, { recursive: true }));
  await buildPage(folder);
  await symlink(file.path, join(folder, 'model'));
  if (options.withoutVectors === true) await breakVectors(folder);
  const server = stack.use(await serveFolder(folder, options.isIsolated ? ISOLATED : {}));
  const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  stack.defer(() => browser.close());
  const { page } = await openPage(browser, { url: server.url });
  const opened = stack.move();
  const { fileHash, fileBytes } = file.manifest;
  return {
    async run(given) {
      const place = { modelUrl: 'model', fileHash: toHex(fileHash), fileBytes: Number(fileBytes), ...given };
      const url = new URL(place.modelUrl, server.url).href;
      return await page.evaluate(`runHere(${JSON.stringify({ ...place, modelUrl: url })})`);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function buildPage(folder: string): Promise<void> {
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  const page = fileURLToPath(new URL('./page', import.meta.url));
  const flags = ['--base', './', '--outDir', folder, '--emptyOutDir', '--assetsInlineLimit', '0', '--target', 'es2022'];
  await run(process.execPath, [vite, 'build', page, ...flags, '--logLevel', 'error']);
}

async function breakVectors(folder: string): Promise<void> {
  const assets = join(folder, 'assets');
  const names = (await readdir(assets)).filter((name) => /^(simd|threads)-.*\.wasm$/.test(name));
  if (names.length !== 2) throw new RangeError('The page has two kernels with vectors.');
  for (const name of names) await writeFile(join(assets, name), 'no module');
}
