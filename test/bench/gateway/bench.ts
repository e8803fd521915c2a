import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchReport, type BenchRow, benchRow, loadNow } from '../report.ts';
import { type Contender, type Contenders, startContenders } from './contenders.ts';
import { LITELLM_VERSION } from './litellm.ts';
import { type Client, clientOf, type Measured, meterOf, percentile } from './measure.ts';
import { memoryRows } from './memory.ts';
import { canPin, OTHERS, pinSelf, startProgram } from './pinnedProcess.ts';

const ROUNDS = 4;
const WINDOW_MS = 2_000;
const AT_ONCE = 32;
/** Of one request after the other, in each round. */
const SINGLE = 150;
const MEMORY_REQUESTS = 200_000;
const MEMORY_MS = 480_000;
/** The whole gateway, whose workers share one processor with the client, gets a twentieth of the requests, or all of them in a long run. */
const WHOLE_SHARE = 20;
const LONG_MS = 3_600_000;
const WORDS: readonly string[] = ['embedded', 'long'];
/** What people ask of a gateway's p99, in milliseconds. */
const ASKED_P99_MS = 10;

type Result = { readonly whole: Measured; readonly streams: Measured; readonly latenciesMs: readonly number[] };

/**
 * The gateway beside a bare Hono proxy and LiteLLM: the same client, one mock upstream, what is measured on one processor and all else on another, in rounds that
 * alternate. The gateway is measured twice: whole, over three workers that sign, and without a market, which is the part that a proxy has, too. Settings: the requests
 * of the memory rows, the rounds, `embedded` for the embedded database where there is a PostgreSQL server, and `long` for as many memory requests of the whole gateway
 * as of the part, which takes most of an hour.
 */
export async function run({
  talk,
  settings,
}: {
  readonly talk: (line: string) => void;
  readonly settings: readonly string[];
}): Promise<BenchReport> {
  const before = loadNow();
  const embedded = settings.includes('embedded');
  const isLong = settings.includes('long');
  const [requests = MEMORY_REQUESTS, rounds = ROUNDS] = settings.filter((word) => !WORDS.includes(word)).map(Number);
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  pinSelf(OTHERS);
  if (!canPin) talk('Processes cannot be kept to processors here: rivals may get more of them than others.');
  const all = await startContenders(stack, { folder, embedded, talk });
  const logFile = join(folder, 'load.log');
  const load = await startProgram(stack, { name: 'load', processor: OTHERS, logFile });
  const { client, failed } = clientOf(load.process);
  const results = await measureAll(client, { all, rounds, talk });
  const rows = [
    ...comparisons(all, results),
    ...besideRows(all, results),
    ...(await memoryRows(client, { contender: all.http, requests, forMs: MEMORY_MS, talk })),
    ...(await memoryRows(client, {
      contender: all.whole,
      requests: isLong ? requests : requests / WHOLE_SHARE,
      forMs: isLong ? LONG_MS : MEMORY_MS / 4,
      talk,
    })),
  ];
  // Only right answers count in the rows; a machine that is too full makes workers come late, and a gateway say so.
  for (const { name, url } of [all.bare, all.http, all.whole, ...('reason' in all.litellm ? [] : [all.litellm])])
    talk(`${name}: ${failed(url)} requests failed.`);
  return { bench: 'gateway', load: `${before} before, ${loadNow()} after`, rows };
}

async function measureAll(
  client: Client,
  options: { readonly all: Contenders; readonly rounds: number; readonly talk: (line: string) => void },
): Promise<ReadonlyMap<Contender, Result>> {
  const { all, rounds, talk } = options;
  const { bare, http, litellm, upstream, whole } = all;
  const contenders = [upstream, bare, http, whole, ...('reason' in litellm ? [] : [litellm])];
  const meters = contenders.map((contender) => {
    const beside = [...(all.database === undefined ? [] : [all.database]), all.workers];
    const shared = { contender, atOnce: AT_ONCE, forMs: WINDOW_MS, beside };
    const make = () => ({
      whole: meterOf(client, { ...shared, stream: false }),
      streams: meterOf(client, { ...shared, stream: true }),
    });
    return { contender, ...make(), warmUp: make(), latenciesMs: [] as number[] };
  });
  for (let round = 0; round <= rounds; round++) {
    talk(round === 0 ? 'A round to warm up …' : `Round ${round} of ${rounds} …`);
    for (const { contender, latenciesMs, warmUp, ...counted } of meters) {
      const { key, url } = contender;
      const single = { url, key, stream: false, atOnce: 1, requests: SINGLE, forMs: 2 * WINDOW_MS };
      const { latenciesMs: taken } = await client(single);
      if (round > 0) latenciesMs.push(...taken);
      const { streams, whole: answers } = round === 0 ? warmUp : counted;
      await answers.window();
      await streams.window();
    }
  }
  return new Map(
    meters.map((meter) => [
      meter.contender,
      { whole: meter.whole.take(), streams: meter.streams.take(), latenciesMs: meter.latenciesMs },
    ]),
  );
}

/** Both of ours beside both rivals, and beside what people ask. */
function comparisons(all: Contenders, results: ReadonlyMap<Contender, Result>): readonly BenchRow[] {
  const resultOf = (contender: Contender): Result => {
    const found = results.get(contender);
    if (found === undefined) throw new RangeError('Everybody was measured.');
    return found;
  };
  const direct = resultOf(all.upstream);
  const added = (contender: Contender, hundredths: number): number =>
    percentile(resultOf(contender).latenciesMs, hundredths) - percentile(direct.latenciesMs, hundredths);
  const { bare, litellm } = all;
  const rivals = [
    { rival: bare, rivalName: bare.name, atLeast: 0.5 },
    'reason' in litellm
      ? { rival: undefined, rivalName: `LiteLLM ${LITELLM_VERSION} not measured: ${litellm.reason}`, atLeast: 10 }
      : { rival: litellm, rivalName: litellm.name, atLeast: 10 },
  ];
  return [all.http, all.whole].flatMap((own) => [
    ...rivals.flatMap(({ rival, rivalName, atLeast }) => {
      const row = (what: string, unit: string, read: (contender: Contender) => number, aim: object): BenchRow =>
        benchRow({
          what: `${what}, ${own.name}`,
          ours: read(own),
          rivalName,
          rival: rival === undefined ? Number.NaN : read(rival),
          unit,
          ...aim,
        });
      const answers = (contender: Contender): Measured => resultOf(contender).whole;
      const streams = (contender: Contender): Measured => resultOf(contender).streams;
      return [
        row('answers', 'per second', (contender) => answers(contender).perSecond, { atLeast }),
        row('streams', 'per second', (contender) => streams(contender).perSecond, { atLeast }),
        row('processor time of an answer', 'ms', (contender) => answers(contender).cpuMs, {}),
        row('processor time of a stream', 'ms', (contender) => streams(contender).cpuMs, {}),
        row('added latency, p50', 'ms', (contender) => added(contender, 50), {}),
        row('added latency, p99', 'ms', (contender) => added(contender, 99), {}),
      ];
    }),
    benchRow({
      what: `added latency, p99, ${own.name}`,
      ours: added(own, 99),
      rivalName: 'what people ask',
      rival: ASKED_P99_MS,
      unit: 'ms',
      atMost: 1,
    }),
  ]);
}

/** What an answer of ours costs in other processes. */
function besideRows(all: Contenders, results: ReadonlyMap<Contender, Result>): readonly BenchRow[] {
  const row = (own: Contender, what: string, place: number): BenchRow => {
    const { besideMs = [], cpuMs = Number.NaN } = results.get(own)?.whole ?? {};
    return benchRow({
      what: `processor time of ${what} for an answer, ${own.name}`,
      ours: besideMs[place] ?? Number.NaN,
      rivalName: 'the gateway itself',
      rival: cpuMs,
      unit: 'ms',
    });
  };
  const hasDatabase = all.database !== undefined;
  return [
    ...(hasDatabase ? [all.http, all.whole].map((own) => row(own, 'PostgreSQL', 0)) : []),
    row(all.whole, 'its three workers', hasDatabase ? 1 : 0),
  ];
}
