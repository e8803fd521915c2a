import { readFile } from 'node:fs/promises';
import { openExact } from './openExact.ts';

// Loads a model into a process of its own and says how much memory that took; the model has been converted before.
const [modelPath = '', cacheFolder = '', contextSize = ''] = process.argv.slice(2);

/** Bytes of resident memory beyond what the process had before it loaded a model. */
export interface LoadedMemory {
  readonly after: number;
  readonly peak: number;
}

const before = process.memoryUsage.rss();
const loaded = await openExact({ modelPath, cacheFolder, contextSize: Number(contextSize), threads: 1 });
const memory: LoadedMemory = {
  after: process.memoryUsage.rss() - before,
  peak: (await peakBytes()) - before,
};
process.send?.(memory);
await loaded[Symbol.asyncDispose]();

/** On Linux what the kernel knows of this program alone; its usual figure counts whoever started the program too. */
async function peakBytes(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS;
  return Number(kibibytes) * 1024;
}
