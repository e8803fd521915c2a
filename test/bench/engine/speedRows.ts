import { openTensorCommitter } from '@karmesh/circuits';
import { nodeHash } from '../../../node/src/engines/exact/trace/nodeHash.ts';
import { type BenchRow, benchRow } from '../report.ts';
import { plainPrompt } from './core.ts';
import { bareCore, tracedCore } from './exactCores.ts';
import { type InterleaveOptions, interleave } from './interleave.ts';
import { llamaCores } from './llamaCores.ts';
import { openExact } from './openExact.ts';

export interface SpeedOptions extends Pick<InterleaveOptions, 'rounds' | 'warmUp' | 'tokens'> {
  readonly modelPath: string;
  readonly cacheFolder: string;
  readonly contextSize: number;
  readonly promptTokens: number;
  readonly vocabulary: number;
}

/** Tokens before those by which decoding is timed. */
const START_TOKENS = 16;

/** Decoding, reading a prompt and the trace, one thread each, in this process; all cores take turns. */
export async function speedRows(options: SpeedOptions): Promise<readonly BenchRow[]> {
  const { contextSize, modelPath, promptTokens, vocabulary } = options;
  await using stack = new AsyncDisposableStack();
  const loaded = stack.use(await openExact({ ...options, threads: 1 }));
  const llama = stack.use(await llamaCores({ modelPath, contextSize, threads: 1 }));
  const speeds = await interleave(
    {
      bare: bareCore(loaded),
      blocks: tracedCore(loaded, { level: 'blocks', sha256: nodeHash }),
      operators: tracedCore(loaded, { level: 'operators', sha256: nodeHash }),
      committed: tracedCore(loaded, { level: 'committed', sha256: nodeHash, commit: await openTensorCommitter() }),
      evaluate: llama.evaluate,
      logits: llama.logits,
    },
    { ...options, prompt: plainPrompt(promptTokens, vocabulary), start: plainPrompt(START_TOKENS, vocabulary) },
  );
  const { bare, blocks, operators, committed, evaluate, logits } = speeds;
  const speed = (row: Pick<BenchRow, 'what' | 'ours' | 'rivalName' | 'rival'> & { readonly atLeast?: number }) =>
    benchRow({ ...row, unit: 'tokens/s' });
  const cost = (level: string, traced: number, aim: { readonly atMost?: number }): BenchRow =>
    benchRow({
      what: `decoding with the trace of ${level}`,
      ours: 1e6 / traced,
      rivalName: 'without a trace',
      rival: 1e6 / bare.decodePerSecond,
      unit: 'us/token',
      ...aim,
    });
  const shortest = 'node-llama-cpp, evaluate()';
  return [
    speed({
      what: `decoding ${options.tokens} tokens, with the trace of blocks (${loaded.model.variant})`,
      ours: blocks.decodePerSecond,
      rivalName: shortest,
      rival: evaluate.decodePerSecond,
      atLeast: 1,
    }),
    speed({
      what: 'decoding, without a trace',
      ours: bare.decodePerSecond,
      rivalName: shortest,
      rival: evaluate.decodePerSecond,
    }),
    speed({
      what: 'decoding, with the trace of blocks',
      ours: blocks.decodePerSecond,
      rivalName: 'node-llama-cpp, logits out',
      rival: logits.decodePerSecond,
    }),
    speed({
      what: `reading ${promptTokens} tokens, with the trace of blocks`,
      ours: blocks.promptPerSecond,
      rivalName: shortest,
      rival: evaluate.promptPerSecond,
      atLeast: 0.333,
    }),
    speed({
      what: 'reading, without a trace',
      ours: bare.promptPerSecond,
      rivalName: shortest,
      rival: evaluate.promptPerSecond,
    }),
    cost('blocks', blocks.decodePerSecond, { atMost: 1.2 }),
    cost('operators', operators.decodePerSecond, {}),
    cost('blocks under Poseidon commitments', committed.decodePerSecond, {}),
  ];
}
