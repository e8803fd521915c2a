import { median } from '../report.ts';
import type { Core } from './core.ts';

/** Medians over the rounds of one core. */
export interface CoreSpeed {
  readonly promptPerSecond: number;
  readonly decodePerSecond: number;
}

export interface InterleaveOptions {
  /** A long one and a short answer, by which reading is timed. */
  readonly prompt: readonly number[];
  /** A short prompt, and how many tokens come behind it, by which decoding is timed. */
  readonly start: readonly number[];
  readonly tokens: number;
  readonly rounds: number;
  /** Rounds before them whose figures are thrown away, while caches and compilers warm up. */
  readonly warmUp: number;
}

/** Runs all cores in turn, round by round, so that whatever else the machine does strikes all of them. */
export async function interleave<Name extends string>(
  cores: Readonly<Record<Name, Core>>,
  options: InterleaveOptions,
): Promise<Readonly<Record<Name, CoreSpeed>>> {
  const { prompt, start, tokens, rounds, warmUp } = options;
  const names = Object.keys(cores) as Name[];
  const times = new Map(names.map((name) => [name, { prompt: [] as number[], decode: [] as number[] }]));
  for (let round = 0; round < warmUp + rounds; round++) {
    for (const name of names) {
      const { promptMs } = await cores[name].run({ prompt, tokens: 1 });
      const { decodeMs } = await cores[name].run({ prompt: start, tokens });
      if (round < warmUp) continue;
      times.get(name)?.prompt.push(promptMs);
      times.get(name)?.decode.push(decodeMs);
    }
  }
  const speeds = [...times].map(([name, taken]): [Name, CoreSpeed] => [
    name,
    {
      promptPerSecond: (1000 * prompt.length) / median(taken.prompt),
      decodePerSecond: (1000 * (tokens - 1)) / median(taken.decode),
    },
  ]);
  return Object.fromEntries(speeds) as Record<Name, CoreSpeed>;
}
