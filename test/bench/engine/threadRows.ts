import { nodeHash } from '../../../node/src/engines/exact/trace/nodeHash.ts';
import { type BenchRow, benchRow } from '../report.ts';
import { plainPrompt } from './core.ts';
import { tracedCore } from './exactCores.ts';
import { interleave } from './interleave.ts';
import { openExact } from './openExact.ts';
import type { SpeedOptions } from './speedRows.ts';

/** Two threads beside one. Without an aim: on a machine of two processors that others use too the second one is not ours. */
export async function threadRows(options: SpeedOptions): Promise<readonly BenchRow[]> {
  await using stack = new AsyncDisposableStack();
  const open = async (threads: number) =>
    tracedCore(stack.use(await openExact({ ...options, threads })), { level: 'blocks', sha256: nodeHash });
  const speeds = await interleave(
    { one: await open(1), two: await open(2) },
    {
      ...options,
      prompt: plainPrompt(options.promptTokens, options.vocabulary),
      start: plainPrompt(16, options.vocabulary),
    },
  );
  const row = (what: string, speed: 'decodePerSecond' | 'promptPerSecond'): BenchRow =>
    benchRow({
      what: `${what} with two threads`,
      ours: speeds.two[speed],
      rivalName: 'one thread',
      rival: speeds.one[speed],
      unit: 'tokens/s',
    });
  return [row('decoding', 'decodePerSecond'), row('reading', 'promptPerSecond')];
}
