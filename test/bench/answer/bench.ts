import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { llamaEngine } from '@karmesh/node/engines';
import { clusterPreset } from '@karmesh/sdk/clusters';
import { REPLICAS } from '@karmesh/sdk/protocol';
import { openMarketFolder } from '../../../programs/localnet/src/up/folder.ts';
import { type RunningMarket, startMarket } from '../../../programs/localnet/src/up/startMarket.ts';
import { type BenchReport, type BenchRow, benchRow, loadNow, median } from '../report.ts';
import { askDirect, askMarket, bounded, type MarketAnswer, startProgram, tokensPerSecond } from './ask.ts';
import type { DirectAnswer } from './direct.ts';
import { largerRow } from './larger.ts';

/** What both sides are asked, in turn: short answers for the first token, long ones for the throughput. */
const SHORT = [
  'What is the capital of Spain?',
  'What does a dog say?',
  'What is the opposite of hot?',
  'Who are you?',
] as const;
const LONG = ['Tell me a story about a fox.', 'Tell me a story about a bear.', 'Tell me a story about a cat.'] as const;
const MAX_TOKENS = 256;
const ROUNDS = 126;
/** Rounds whose figures are thrown away, while caches and compilers warm up. */
const WARM_UP = 6;
const TIMEOUT_MS = 10 * 60_000;
/** The rent of the smallest account that holds a receipt's header, and one signature's fee. */
const ACCOUNT_PER_RECEIPT_LAMPORTS = 1_587_000 + 5000;
const MODEL = fileURLToPath(new URL('../../../node/models/tiny-q8_0.gguf', import.meta.url));

interface Run {
  readonly signal: AbortSignal;
  readonly talk: (line: string) => void;
}

/**
 * First token, throughput, memory and cost on chain of answers through the market, beside as many node-llama-cpp processes called
 * directly as there are replicas, of which the second to finish counts, and beside a bare Hono and libp2p echo. Rounds of all three alternate.
 */
export async function run({ talk }: { readonly talk: (line: string) => void }): Promise<BenchReport> {
  const before = loadNow();
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const rows = [...(await bundledRows({ signal, talk })), await largerRow({ rivals: REPLICAS, signal, talk })];
  return { bench: 'answer', load: `${before} before, ${loadNow()} after`, rows };
}

/** Everything about the bundled model, whose tokens take less than a millisecond: the market's own work shows most. */
async function bundledRows({ signal, talk }: Run): Promise<readonly BenchRow[]> {
  await using stack = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), 'karmesh-bench-'));
  stack.defer(() => rm(path, { recursive: true, force: true }));
  const folder = await openMarketFolder(path);
  const cluster = clusterPreset('localnet');
  const market = stack.use(
    await startMarket({ folder, cluster, slotMs: 400, rpcPort: 0, gatewayPort: 0, logLevel: 'warn' }, { signal, talk }),
  );
  const program = (name: string, args: readonly string[] = []) => startProgram(stack, name, args);
  const direct = Array.from({ length: REPLICAS }, () => program('direct', [MODEL]));
  await Promise.all(direct.map((child) => once(child, 'message', { signal })));
  const [peer] = await once(program('echoPeer'), 'message', { signal });
  const [echoUrl] = await once(program('echoGateway', [String(peer)]), 'message', { signal });

  const engine = await llamaEngine({ modelPath: MODEL, threads: 1, sequences: 1 }, { signal });
  const templated = new Map(
    [...SHORT, ...LONG].map((prompt) => [prompt as string, engine.applyTemplate([{ role: 'user', content: prompt }])]),
  );
  await engine[Symbol.asyncDispose]();
  const tokensOf = (prompt: string): readonly number[] => templated.get(prompt) ?? [];
  talk(`${ROUNDS} rounds of market, direct and echo, in turn …`);
  const spentBefore = await chainSpending(market, { folder, signal });
  const rounds: {
    readonly isLong: boolean;
    readonly market: MarketAnswer;
    readonly direct: readonly DirectAnswer[];
    readonly echoMs: number;
  }[] = [];
  let receipts = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const isLong = round % 2 === 1;
    const prompts: readonly string[] = isLong ? LONG : SHORT;
    const prompt = prompts[Math.floor(round / 2) % prompts.length] ?? SHORT[0];
    const tokens = tokensOf(prompt);
    const answered = await askMarket(market, { prompt, maxTokens: MAX_TOKENS, signal });
    receipts += answered.receipts;
    const one = {
      isLong,
      market: answered,
      direct: await Promise.all(
        direct.map((child) => askDirect(child, { prompt: tokens, maxTokens: MAX_TOKENS, signal })),
      ),
      echoMs: await echo(String(echoUrl), { prompt, signal }),
    };
    if (round >= WARM_UP) rounds.push(one);
  }
  talk('Waiting for the epochs of these answers to settle …');
  await epochsPass(market, { signal, epochs: 2n });
  const spent = (await chainSpending(market, { folder, signal })) - spentBefore;

  const short = rounds.filter(({ isLong }) => !isLong);
  const long = rounds.filter(({ isLong }) => isLong);
  const directFirst = median(short.map((round) => median(round.direct.map(({ firstTokenMs }) => firstTokenMs))));
  const rows: BenchRow[] = [
    benchRow({
      what: 'added first-token latency (stream)',
      ours: median(short.map((round) => round.market.firstTokenMs)) - directFirst,
      rivalName: 'bare Hono + libp2p echo',
      rival: median(short.map(({ echoMs }) => echoMs)),
      unit: 'ms',
      atMost: 3,
    }),
    benchRow({
      what: 'first token (stream)',
      ours: median(short.map((round) => round.market.firstTokenMs)),
      rivalName: 'node-llama-cpp direct x 3',
      rival: directFirst,
      unit: 'ms',
    }),
    benchRow({
      what: 'throughput with three replicas, the bundled model',
      ours: median(long.map((round) => tokensPerSecond(round.market))),
      rivalName: 'node-llama-cpp direct x 3',
      rival: median(long.map((round) => median(round.direct.map(tokensPerSecond)))),
      unit: 'tokens/s',
      atLeast: 0.85,
    }),
    benchRow({
      what: `left on chain per receipt (fees, rent of epochs), ${receipts} receipts`,
      ours: Number(spent) / receipts,
      rivalName: 'an account and a transaction per receipt',
      rival: ACCOUNT_PER_RECEIPT_LAMPORTS,
      unit: 'lamports',
    }),
  ];
  const directBytes = median(await Promise.all(direct.map((child) => residentBytes(child.pid ?? 0))));
  for (const child of market.processes) {
    rows.push(
      benchRow({
        what: `memory of ${child.name}`,
        ours: (await residentBytes(child.pid)) / 2 ** 20,
        rivalName: 'node-llama-cpp direct',
        rival: directBytes / 2 ** 20,
        unit: 'MiB',
      }),
    );
  }
  return rows;
}

/** Milliseconds from before the request to the first byte of its stream. */
async function echo(url: string, options: { readonly prompt: string; readonly signal: AbortSignal }): Promise<number> {
  const began = performance.now();
  const response = await fetch(url, { method: 'POST', body: options.prompt, signal: bounded(options.signal) });
  const reader = response.body?.getReader();
  await reader?.read();
  const took = performance.now() - began;
  while (reader !== undefined && !(await reader.read()).done);
  return took;
}

/** Lamports that the identities of gateway, workers and validators have left, negated: its growth is what they spent on chain. */
async function chainSpending(
  market: RunningMarket,
  options: { readonly folder: Awaited<ReturnType<typeof openMarketFolder>>; readonly signal: AbortSignal },
): Promise<bigint> {
  const { folder, signal } = options;
  const balances = await Promise.all(
    [folder.gateway, ...folder.workers, ...folder.validators].map(({ identity }) =>
      market.client.balance(identity.publicKey, { signal }),
    ),
  );
  return -balances.reduce((sum, lamports) => sum + lamports, 0n);
}

/** Waits until this many more epochs are final. */
async function epochsPass(
  market: RunningMarket,
  options: { readonly signal: AbortSignal; readonly epochs: bigint },
): Promise<void> {
  const { signal, epochs } = options;
  const final = async (): Promise<bigint> => {
    const epoch = (await market.client.checkCluster({ signal })).lastFinalisedEpoch;
    return epoch === 2n ** 64n - 1n ? -1n : epoch;
  };
  const target = (await final()) + epochs;
  while ((await final()) < target) await new Promise((resolve) => setTimeout(resolve, 500));
}

/** Resident memory of a process, on Linux; NaN elsewhere. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? Number.NaN : Number(kibibytes) * 1024;
}
