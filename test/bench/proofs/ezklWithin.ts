import { type BenchRow, benchRow } from '../report.ts';
import { EZKL, type EzklStep, openEzkl } from './ezkl.ts';
import { type Limits, mebibytes } from './measured.ts';

/** What we and ezkl take for all there is to do for a proof of a layer, in the order in which it is done. */
const WORDS = { compile: 'compiling', setup: 'making the keys', witness: 'the witness', prove: 'proving' } as const;

/** Products of a layer for which ezkl makes powers in minutes. */
const MOST_POWERS = 2 ** 20;

export interface EzklWithinOptions {
  readonly folder: string;
  readonly rows: number;
  readonly columns: number;
  /** What ours takes for circuit, key, witness and proof together: processor seconds of all, memory of the largest. */
  readonly ours: Limits;
  /** What ezkl may take; as much as ours unless told. */
  readonly limits?: Limits;
  readonly talk: (line: string) => void;
}

/**
 * Has ezkl prove a layer within limits that hold for its processes, and says how far it comes. Not counted are the model's file, the powers, which serve every
 * circuit, and verification. A rival that was stopped has a row of the limit that it passed: what it would have taken is more than that.
 */
export async function ezklWithin(options: EzklWithinOptions): Promise<readonly BenchRow[]> {
  const { rows, columns, ours, limits = ours, talk } = options;
  const size = `${rows}x${columns}`;
  const ezkl = await openEzkl(options);
  const name = `ezkl ${EZKL}`;
  talk(`${size}: ${name} may take ${amounts(limits)}; ours takes ${amounts(ours)}`);
  let cpuSeconds = 0;
  let residentBytes = 0;
  /** The row of a step that was stopped. */
  const counted = async (step: keyof typeof WORDS & EzklStep): Promise<BenchRow | undefined> => {
    const taken = await ezkl.stepWithin(step, { ...limits, cpuSeconds: limits.cpuSeconds - cpuSeconds });
    cpuSeconds += taken.cpuSeconds;
    residentBytes = Math.max(residentBytes, taken.residentBytes);
    if (taken.stoppedBy === undefined) {
      talk(`${size}: ${name} is done with ${WORDS[step]}: ${amounts(taken)}`);
      return undefined;
    }
    talk(`${size}: ${name} does not finish: ${taken.stoppedBy} ran out in ${WORDS[step]}, at ${amounts(taken)}`);
    const what = `${taken.stoppedBy} of all of ${size}, ezkl unfinished`;
    const rivalName = `${name}, stopped in ${WORDS[step]}, more than`;
    return taken.stoppedBy === 'memory'
      ? memoryRow({ what, rivalName, ours, rival: limits })
      : timeRow({ what, rivalName, ours, rival: limits });
  };

  await ezkl.step('model');
  const uncompiled = await counted('compile');
  if (uncompiled !== undefined) return [uncompiled];
  if (rows * columns > MOST_POWERS) {
    // Powers of so many rows take half an hour, and keys cost the same with anything in their place: a stand-in shows whether they can be made at all.
    await ezkl.step('standIn');
    const before = { cpuSeconds, residentBytes };
    const unkeyed = await counted('setup');
    if (unkeyed !== undefined) return [unkeyed];
    ({ cpuSeconds, residentBytes } = before);
  }
  const powers = await ezkl.step('powers');
  talk(`${size}: powers for ${name} took ${amounts(powers)}, which do not count`);
  for (const step of ['setup', 'witness', 'prove'] as const) {
    const stopped = await counted(step);
    if (stopped !== undefined) return [stopped];
  }
  await ezkl.step('verify');
  const rival = { cpuSeconds, residentBytes };
  return [
    timeRow({ what: `time of all of ${size}`, rivalName: name, ours, rival }),
    memoryRow({ what: `memory of all of ${size}`, rivalName: name, ours, rival }),
  ];
}

interface Compared {
  readonly what: string;
  readonly rivalName: string;
  readonly ours: Limits;
  readonly rival: Limits;
}

function memoryRow({ ours, rival, ...names }: Compared): BenchRow {
  const gibibytes = ({ residentBytes }: Limits): number => residentBytes / 2 ** 30;
  return benchRow({ ...names, ours: gibibytes(ours), rival: gibibytes(rival), unit: 'GiB' });
}

function timeRow({ ours, rival, ...names }: Compared): BenchRow {
  return benchRow({ ...names, ours: ours.cpuSeconds, rival: rival.cpuSeconds, unit: 'CPU-s' });
}

function amounts({ cpuSeconds, residentBytes }: Limits): string {
  return `${cpuSeconds.toFixed(1)} CPU-s, ${mebibytes(residentBytes)} of memory`;
}
