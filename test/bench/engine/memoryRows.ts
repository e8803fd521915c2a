import { fork } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type BenchRow, benchRow } from '../report.ts';
import type { LoadedMemory } from './memoryProgram.ts';

/** What a loaded model adds to a process's memory, beside the size of its GGUF file. */
export async function memoryRows(options: {
  readonly modelPath: string;
  readonly cacheFolder: string;
  readonly contextSize: number;
  readonly atMost?: number;
}): Promise<readonly BenchRow[]> {
  const { modelPath, cacheFolder, contextSize, atMost } = options;
  const program = fileURLToPath(new URL('./memoryProgram.ts', import.meta.url));
  const child = fork(program, [modelPath, cacheFolder, String(contextSize)]);
  const exited = once(child, 'exit');
  const [memory] = (await Promise.race([once(child, 'message'), exited])) as [LoadedMemory | number];
  await exited;
  if (typeof memory === 'number') throw new Error(`The process that measures memory ended with ${memory}.`);
  const { size } = await stat(modelPath);
  const row = (what: string, bytes: number, aim: { readonly atMost?: number }): BenchRow =>
    benchRow({
      what: `${what}, context ${contextSize}`,
      ours: bytes / 2 ** 20,
      rivalName: 'the GGUF file',
      rival: size / 2 ** 20,
      unit: 'MiB',
      ...aim,
    });
  return [
    row('resident memory that a loaded model adds', memory.after, {}),
    row('and at most while it is checked and loaded', memory.peak, atMost === undefined ? {} : { atMost }),
  ];
}
