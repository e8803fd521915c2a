import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { llamaEngine } from '@karmesh/node/engines';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { clusterPreset } from '@karmesh/sdk/clusters';
import { openMarketFolder } from '../../../programs/localnet/src/up/folder.ts';
import { startMarket } from '../../../programs/localnet/src/up/startMarket.ts';
import { type BenchRow, benchRow, median } from '../report.ts';
import { askDirect, askMarket, startProgram, tokensPerSecond } from './ask.ts';
import { writeLargerModel } from './largerModel.ts';

const PROMPT = 'Tell me a story about a fox.';
const MAX_TOKENS = 64;
const ROUNDS = 14;
const WARM_UP = 2;

/**
 * The throughput of a market whose model is large enough that the model, and not the market's own work, is most of a token's time; rounds
 * of the market and of as many direct processes alternate.
 */
export async function largerRow(options: {
  readonly rivals: number;
  readonly signal: AbortSignal;
  readonly talk: (line: string) => void;
}): Promise<BenchRow> {
  const { signal, talk } = options;
  await using stack = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), 'karmesh-bench-'));
  stack.defer(() => rm(path, { recursive: true, force: true }));
  const modelPath = join(path, 'larger.gguf');
  const weights = await writeLargerModel(modelPath, BUNDLED_MODEL_PATH);
  const engine = await llamaEngine({ modelPath, threads: 1, sequences: 1 }, { signal });
  const prompt = engine.applyTemplate([{ role: 'user', content: PROMPT }]);
  await engine[Symbol.asyncDispose]();
  const folder = await openMarketFolder(path);
  const cluster = clusterPreset('localnet');
  const ports = { rpcPort: 0, gatewayPort: 0 };
  const market = stack.use(
    await startMarket({ folder, cluster, slotMs: 400, ...ports, logLevel: 'warn', modelPath }, { signal, talk }),
  );
  const direct = Array.from({ length: options.rivals }, () => startProgram(stack, 'direct', [modelPath]));
  await Promise.all(direct.map((child) => once(child, 'message', { signal })));
  talk(`${ROUNDS} rounds with a model of ${Math.round(weights / 1e6)} million weights …`);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const answer = await askMarket(market, { prompt: PROMPT, maxTokens: MAX_TOKENS, signal });
    const answers = await Promise.all(
      direct.map((child) => askDirect(child, { prompt, maxTokens: MAX_TOKENS, signal })),
    );
    if (round < WARM_UP) continue;
    ours.push(tokensPerSecond(answer));
    theirs.push(median(answers.map(tokensPerSecond)));
  }
  return benchRow({
    what: `throughput with three replicas, a model of ${Math.round(weights / 1e6)} M weights`,
    ours: median(ours),
    rivalName: `node-llama-cpp direct x ${options.rivals}`,
    rival: median(theirs),
    unit: 'tokens/s',
    atLeast: 0.85,
  });
}
