import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { type RandomModelShape, writeRandomModel } from '../randomModel.ts';
import { type BenchReport, type BenchRow, loadNow } from '../report.ts';
import { bandwidthRows } from './bandwidth.ts';
import { browserRows } from './browserRows.ts';
import { commitmentRows } from './commitmentRows.ts';
import { memoryRows } from './memoryRows.ts';
import { speedRows } from './speedRows.ts';
import { threadRows } from './threadRows.ts';

interface Run {
  readonly folder: string;
  readonly talk: (line: string) => void;
}

/** Llama-3.2-1B's. */
const BILLION: RandomModelShape = {
  width: 2048,
  blocks: 16,
  heads: 32,
  keyHeads: 8,
  headSize: 64,
  hidden: 8192,
  vocabulary: 128_256,
  ropeBase: 500_000,
  tied: true,
};

/**
 * The exact engine's core beside llama.cpp's, in one run and in turn, one thread each: on the bundled model in Node.js and in a browser, or,
 * with the setting `1b`, on a model of random weights in the shape of Llama-3.2-1B, which takes minutes and 6 GiB of memory.
 */
export async function run(options: {
  readonly talk: (line: string) => void;
  readonly settings: readonly string[];
}): Promise<BenchReport> {
  const before = loadNow();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-bench-'));
  try {
    const call = { folder, talk: options.talk };
    const rows = options.settings.includes('1b') ? await billionRows(call) : await bundledRows(call);
    return { bench: 'engine', load: `${before} before, ${loadNow()} after`, rows };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bundledRows({ folder, talk }: Run): Promise<readonly BenchRow[]> {
  const model = { modelPath: BUNDLED_MODEL_PATH, cacheFolder: folder, contextSize: 512, vocabulary: 1024 };
  const lengths = { promptTokens: 384, tokens: 192 };
  talk('Decoding and reading, in turn …');
  const speed = await speedRows({ ...model, ...lengths, rounds: 40, warmUp: 5 });
  talk('Two threads and one, in turn …');
  const threads = await threadRows({ ...model, ...lengths, rounds: 8, warmUp: 2 });
  talk('A matrix of 128 MiB …');
  const bandwidth = await bandwidthRows();
  const commitments = await commitmentRows();
  const memory = await memoryRows(model);
  talk('The same in a browser …');
  const browser = await browserRows({ ...model, tokens: lengths.tokens });
  return [...speed, ...commitments, ...browser, ...bandwidth, ...memory, ...threads];
}

async function billionRows({ folder, talk }: Run): Promise<readonly BenchRow[]> {
  const modelPath = join(folder, '1b.gguf');
  talk('Writing a model of random weights …');
  const weights = await writeRandomModel(modelPath, BUNDLED_MODEL_PATH, BILLION);
  const model = { modelPath, cacheFolder: folder, contextSize: 512, vocabulary: BILLION.vocabulary ?? 0 };
  const lengths = { promptTokens: 128, tokens: 24 };
  talk(`${(weights / 1e9).toFixed(2)} billion weights. Converting them, decoding and reading, in turn …`);
  const speed = await speedRows({ ...model, ...lengths, rounds: 5, warmUp: 1 });
  talk('Memory …');
  return [...speed, ...(await memoryRows({ ...model, atMost: 2 }))];
}
