import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type BenchReport, type BenchRow, benchRow, loadNow } from '../report.ts';
import type { Measured } from './measured.ts';
import { BATCH_ENTRIES, MOST_RECEIPTS, RECEIPTS_PER_ENTRY } from './scene.ts';

/** Receipts of each run, every one twice those of the one before. */
const SIZES = [62_500, 125_000, 250_000, 500_000, MOST_RECEIPTS];

/** Of bare verification: what a validator may spend beside its signatures. */
const LEAST_SHARE = 0.6;
const MOST_MEGABYTES = 1500;

/** The folder of the epoch's batches; it is made once, in a process of its own. Whoever changes what is made changes the number. */
const FOLDER = join(tmpdir(), 'karmesh-validator-epoch-1');

/**
 * `npm run bench -- validator [RECEIPTS …]`: a validator takes in an epoch, stores, closes and tallies it. Signatures a second are those of
 * its CPU seconds, over all its threads and from the first header to the report, beside the same verifier alone in the same process.
 */
export async function run(options: {
  readonly talk: (line: string) => void;
  readonly settings: readonly string[];
}): Promise<BenchReport> {
  const { talk, settings } = options;
  const sizes = settings.length === 0 ? SIZES : settings.map(receiptsOf);
  const before = loadNow();
  const rows: BenchRow[] = [];
  talk(`Making ${Math.max(...sizes)} receipts in ${FOLDER} unless they are there …`);
  await program('makeEpoch.ts', batchesOf(Math.max(...sizes)));
  let last: Measured | undefined;
  for (const size of sizes) {
    talk(`A validator and ${size} receipts …`);
    const measured = JSON.parse(await program('measure.ts', batchesOf(size))) as Measured;
    for (const { name, cpuSeconds, wallSeconds, longestTurnMs, peakBytes } of measured.phases)
      talk(
        `  ${name}: ${cpuSeconds.toFixed(1)} CPU s, ${wallSeconds.toFixed(1)} s, a turn of ${longestTurnMs.toFixed(0)} ms, ` +
          `peak ${(peakBytes / 1e6).toFixed(0)} MB`,
      );
    rows.push(...rowsOf(measured, last));
    last = measured;
  }
  return { bench: 'validator', load: `${before} before, ${loadNow()} after`, rows };
}

function rowsOf(measured: Measured, half: Measured | undefined): readonly BenchRow[] {
  const { receipts, signatures, bare, peakBytes, storeBytes, openSeconds } = measured;
  const of = `${receipts} receipts`;
  const cpuSeconds = cpuSecondsOf(measured);
  const rows = [
    benchRow({
      what: `${of}: signatures of a CPU second, to the report`,
      ours: signatures / cpuSeconds,
      rivalName: 'the verifier alone',
      rival: bare.signatures / bare.cpuSeconds,
      unit: '/s',
      atLeast: LEAST_SHARE,
    }),
    benchRow({
      what: `${of}: peak of memory`,
      ours: peakBytes / 1e6,
      rivalName: 'limit',
      rival: MOST_MEGABYTES,
      unit: 'MB',
      atMost: 1,
    }),
    benchRow({
      what: `${of}: on disk, each`,
      ours: storeBytes / receipts,
      rivalName: 'a third of the longest entry',
      rival: 16_384 / RECEIPTS_PER_ENTRY,
      unit: 'bytes',
    }),
    benchRow({
      what: `${of}: opening the folder`,
      ours: openSeconds,
      rivalName: 'a second',
      rival: 1,
      unit: 's',
      atMost: 1,
    }),
  ];
  if (half === undefined) return rows;
  const doubling = {
    ours: cpuSeconds,
    rivalName: `${half.receipts} receipts`,
    rival: cpuSecondsOf(half),
    unit: 'CPU s',
  };
  return [...rows, benchRow({ what: `${of}: cost of doubling`, ...doubling })];
}

function cpuSecondsOf({ phases }: Measured): number {
  return phases.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

function receiptsOf(word: string): number {
  const receipts = Number(word);
  if (Number.isInteger(receipts) && receipts > 0 && receipts <= MOST_RECEIPTS) return receipts;
  throw new KarmeshError('BAD_ARGUMENT', 'A size is a number of receipts.', { size: word, most: MOST_RECEIPTS });
}

/** Whole batches, so that sizes are a little over what was asked for. */
function batchesOf(receipts: number): number {
  return Math.ceil(receipts / RECEIPTS_PER_ENTRY / BATCH_ENTRIES);
}

async function program(name: string, batches: number): Promise<string> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const args = ['--disable-warning=ExperimentalWarning', script, FOLDER, String(batches)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) out += chunk;
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('exit', resolve)));
  if (code !== 0)
    throw new KarmeshError('PROGRAM_ENDED', 'A program of the bench failed.', { name, code: code ?? undefined });
  return out;
}
