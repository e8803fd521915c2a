import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { clusterPreset } from '@karmesh/sdk/clusters';
import { openMarketFolder } from '../../../programs/localnet/src/up/folder.ts';
import { startMarket } from '../../../programs/localnet/src/up/startMarket.ts';
import { askOnce } from '../../harness/answers.ts';
import { type BenchRow, benchRow } from '../report.ts';

const WORKERS = 8;
/** Requests in flight: enough that every worker has one waiting. */
const BUYERS = 16;
const WARM_UP_MS = 10_000;
const WINDOW_MS = 20_000;
/** What the aim allows the market for noticing and going round the dead. */
const NOTICE_MS = 2_000;
const SCRIPT = fileURLToPath(new URL('./pacedWorker.ts', import.meta.url));

/** Half of the workers are killed under full load: what the market answers from two seconds later on, beside the survivors' share of what it answered before. */
export async function capacityRows({ talk }: { readonly talk: (line: string) => void }): Promise<readonly BenchRow[]> {
  const signal = AbortSignal.timeout(5 * 60_000);
  await using stack = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), 'karmesh-bench-'));
  stack.defer(() => rm(path, { recursive: true, force: true }));
  const folder = await openMarketFolder(path, { workers: WORKERS, validators: 1 });
  const market = stack.use(
    await startMarket(
      {
        ...{ folder, cluster: clusterPreset('localnet'), slotMs: 400, rpcPort: 0, gatewayPort: 0, logLevel: 'warn' },
        workerScripts: folder.workers.map(() => SCRIPT),
      },
      { signal, talk },
    ),
  );
  const over = new AbortController();
  const answeredAtMs: number[] = [];
  const failed: string[] = [];
  const buyer = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const answered = await askOnce(market.gateway, { signal });
      if (typeof answered === 'string') failed.push(answered);
      else answeredAtMs.push(performance.now());
    }
  };
  const buyers = Array.from({ length: BUYERS }, buyer);
  const answersFrom = async (ms: number): Promise<number> => {
    const fromMs = performance.now();
    await pause(ms, undefined, { signal });
    return answeredAtMs.filter((atMs) => atMs >= fromMs).length;
  };
  talk(`${WORKERS} workers under full load, of which ${WORKERS / 2} are killed …`);
  await pause(WARM_UP_MS, undefined, { signal });
  const before = await answersFrom(WINDOW_MS);
  for (const { pid } of market.workers.slice(0, WORKERS / 2)) process.kill(pid, 'SIGKILL');
  await pause(NOTICE_MS, undefined, { signal });
  const after = await answersFrom(WINDOW_MS);
  over.abort();
  await Promise.all(buyers);
  const perSecond = (answers: number): number => (1_000 * answers) / WINDOW_MS;
  return [
    benchRow({
      what: `capacity from 2 s after ${WORKERS / 2} of ${WORKERS} workers were killed under load (${failed.length} requests failed)`,
      ours: perSecond(after),
      rivalName: 'the survivors’ share of before',
      rival: perSecond(before) / 2,
      unit: 'answers/s',
      atLeast: 0.95,
    }),
    benchRow({
      what: 'the same, of the whole',
      ours: perSecond(after),
      rivalName: 'before (the seed claims 80 % of it)',
      rival: perSecond(before),
      unit: 'answers/s',
    }),
  ];
}
