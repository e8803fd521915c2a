import { type BenchRow, benchRow } from '../report.ts';
import type { Contender } from './contenders.ts';
import type { Client } from './measure.ts';
import type { HeldMemory } from './memoryAsked.ts';

const AT_ONCE = 32;
/** Parts of the run, after each of which memory is read; the first few are the warm-up. */
const PARTS = 20;
const WARM_UP_PARTS = 4;
const MIB = 2 ** 20;

/**
 * What a contender holds after `requests` beside what it held after the first fifth of them: its heap after a collection, and its resident memory, each in the mean of
 * the last parts and of as many before.
 */
export async function memoryRows(
  client: Client,
  options: {
    readonly contender: Contender;
    readonly requests: number;
    readonly forMs: number;
    readonly talk: (line: string) => void;
  },
): Promise<readonly BenchRow[]> {
  const { contender, forMs, requests, talk } = options;
  const { key, url } = contender;
  const parts: HeldMemory[] = [];
  let answered = 0;
  for (let part = 0; part < PARTS; part++) {
    const order = { url, key, stream: part % 2 === 1, atOnce: AT_ONCE, forMs: forMs / PARTS };
    answered += (await client({ ...order, requests: Math.ceil(requests / PARTS) })).answers;
    parts.push((await contender.process.ask({})) as HeldMemory);
  }
  const heaps = parts.map(({ heapBytes }) => (heapBytes / MIB).toFixed(1));
  talk(`${contender.name}, heap in MiB after each twentieth of ${answered} requests: ${heaps.join(' ')}`);
  const early = parts.slice(WARM_UP_PARTS, 2 * WARM_UP_PARTS);
  const late = parts.slice(-WARM_UP_PARTS);
  const row = (what: string, read: (held: HeldMemory) => number, atMost: number): BenchRow => {
    const mean = (of: readonly HeldMemory[]): number => of.reduce((sum, held) => sum + read(held), 0) / of.length / MIB;
    return benchRow({
      what: `${what} after ${answered} requests, ${contender.name}`,
      ours: mean(late),
      rivalName: 'itself after the warm-up',
      rival: mean(early),
      unit: 'MiB',
      atMost,
    });
  };
  return [
    row('heap', ({ heapBytes }) => heapBytes, 1.1),
    row('resident memory', ({ residentBytes }) => residentBytes, 1.15),
  ];
}
