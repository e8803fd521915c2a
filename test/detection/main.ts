import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { KarmeshError } from '@karmesh/sdk/errors';
import { collectEvidence } from './collect.ts';
import { rocFigure, tokensFigure } from './figures.ts';
import { shippedThresholds } from './shippedThresholds.ts';
import { summarise } from './summarise.ts';
import { type Conditions, measuredMarkdown } from './tables.ts';

const HELP = `node test/detection/main.ts [--prompts N] [--no-write] [--json]

Measures how well the token audit of the bundled Q8_0 model tells it from other models, and writes
docs/images/detection-*.svg and the measured part of docs/detection.md.

  --prompts N   prompts per model and temperature (400)
  --no-write    leaves docs as they are
  --json        prints the summary as JSON on stdout
`;

const BEGIN = '<!-- measured: begin (test/detection/main.ts writes this part) -->';
const END = '<!-- measured: end -->';
const SEED = 1;
const CLASSES = 3;
const TEMPERATURES_MICRO = [0, 800_000];

const docs = (path: string): string => fileURLToPath(new URL(`../../docs/${path}`, import.meta.url));

function readArguments(): { readonly prompts: number; readonly write: boolean; readonly json: boolean } | undefined {
  const { values } = parseArgs({
    options: {
      prompts: { type: 'string', default: '400' },
      write: { type: 'boolean', default: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowNegative: true,
  });
  if (values.help) return undefined;
  const prompts = Number(values.prompts);
  // There are a few thousand distinct conversations to draw from.
  if (!Number.isInteger(prompts) || prompts < 20 || prompts > 2000)
    throw new KarmeshError('BAD_ARGUMENT', 'The number of prompts must lie between 20 and 2,000.', {
      prompts: values.prompts,
    });
  return { prompts, write: values.write, json: values.json };
}

async function writeDocs(files: { readonly roc: string; readonly tokens: string; readonly measured: string }) {
  const page = await readFile(docs('detection.md'), 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new KarmeshError('BAD_ARGUMENT', 'docs/detection.md has lost the marks of its measured part.');
  await mkdir(docs('images'), { recursive: true });
  await Promise.all([
    writeFile(docs('images/detection-roc.svg'), files.roc),
    writeFile(docs('images/detection-tokens.svg'), files.tokens),
    writeFile(docs('detection.md'), `${page.slice(0, begin)}${BEGIN}\n\n${files.measured}\n\n${page.slice(end)}`),
  ]);
}

async function main(): Promise<void> {
  const options = readArguments();
  if (options === undefined) {
    process.stdout.write(HELP);
    return;
  }
  const aborter = new AbortController();
  process.once('SIGINT', () => aborter.abort());
  const startedAt = performance.now();
  const before = loadavg()[0] ?? 0;
  const evidence = await collectEvidence({
    prompts: options.prompts,
    seed: SEED,
    classes: CLASSES,
    temperaturesMicro: TEMPERATURES_MICRO,
    onProgress: (sentence) => process.stderr.write(`${sentence}\n`),
    signal: aborter.signal,
  });
  const conditions: Conditions = {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model.trim() ?? 'an unknown processor',
    seconds: (performance.now() - startedAt) / 1000,
    load: [before, loadavg()[0] ?? 0],
    cores: cpus().length,
  };
  const summary = summarise(evidence, shippedThresholds());
  const measured = measuredMarkdown(summary, conditions);
  if (options.write) await writeDocs({ roc: rocFigure(summary), tokens: tokensFigure(summary), measured });
  if (options.json) {
    const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);
    process.stdout.write(`${JSON.stringify({ conditions, ...summary }, plain, 2)}\n`);
  } else if (!options.write) process.stdout.write(`${measured}\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof KarmeshError)) throw error;
  process.stderr.write(`✖ ${error.message}\n`);
  process.exitCode = 1;
}
