import { fuzz } from '../fuzz/run.ts';
import { makeNursery } from './buildMutant.ts';
import type { Mutant } from './mutants.ts';

/** How a planted bug was found, or that it was not. */
export interface Hunted {
  readonly name: string;
  readonly found?: {
    readonly sequences: number;
    readonly steps: number;
    readonly shrunkTo: number;
    readonly by: string;
  };
}

/** Plants one bug after the other and lets the fuzz look for each in at most so many sequences. */
export async function findMutants(
  mutants: readonly Mutant[],
  options: { readonly most: number; readonly onHunted?: (hunted: Hunted) => void },
): Promise<readonly Hunted[]> {
  await using nursery = await makeNursery();
  const all: Hunted[] = [];
  for (const mutant of mutants) {
    const programFile = await nursery.build(mutant);
    const result = await fuzz({ programFile, from: 1, count: options.most });
    const { name } = mutant;
    const hunted: Hunted = 'text' in result ? { name, found: { ...result, by: result.message } } : { name };
    options.onHunted?.(hunted);
    all.push(hunted);
  }
  return all;
}

/** One row of the table. */
export function rowOf({ name, found }: Hunted): string {
  if (found === undefined) return `| ${name} | not found | | | |`;
  const { sequences, steps, shrunkTo, by } = found;
  return `| ${name} | ${sequences} | ${steps} | ${shrunkTo} | ${by} |`;
}
