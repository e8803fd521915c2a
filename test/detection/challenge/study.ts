import { type Estimate, wilson } from '../roc.ts';
import { simulate, survivors } from './simulate.ts';
import { type RunSize, type Strategy, skipLayers, skipTokens, teleport } from './strategies.ts';
import { type ChallengeUnit, caughtByAnswer, undetected } from './theory.ts';

/** The bundled model, and answers of its prompts' usual length. */
export const SIZE: RunSize = { layers: 4, positions: 64 };
export const STRATEGIES: readonly Strategy[] = [skipLayers(1, SIZE), skipTokens(1 / 16, SIZE), teleport(SIZE)];
export const UNITS: readonly ChallengeUnit[] = ['token', 'operator'];
/** U-01, audits per 10,000 answers: of quorums and streams on devnet, and of quorums on localnet. */
export const RATES = [200, 600, 2500] as const;
/** After how many answers is looked. */
export const ANSWERS = [1, 4, 16, 64, 256, 1024] as const;

/** One point of the curves: how probable it is that a worker has not been caught. */
export interface Point {
  readonly answers: number;
  readonly theory: number;
  readonly simulated: Estimate;
  readonly survived: number;
  readonly workers: number;
}

export interface Curve {
  readonly strategy: Strategy;
  readonly unit: ChallengeUnit;
  readonly ratePer10000: number;
  readonly points: readonly Point[];
}

/** All curves; seeds follow from the place in the study, so that every run gives the same. */
export function study({ workers, answers }: { readonly workers: number; readonly answers: number }): readonly Curve[] {
  return UNITS.flatMap((unit, u) =>
    STRATEGIES.flatMap((strategy, s) =>
      RATES.map((ratePer10000, r): Curve => {
        const seed = 100 * u + 10 * s + r + 1;
        const caughtAfter = simulate({ strategy, size: SIZE, unit, ratePer10000, workers, answers, seed });
        const caught = caughtByAnswer(strategy, { unit, rate: ratePer10000 / 10_000 });
        const points = ANSWERS.filter((count) => count <= answers).map((count): Point => {
          const survived = survivors(caughtAfter, count);
          const theory = undetected(caught, count);
          return { answers: count, theory, simulated: wilson(survived, workers), survived, workers };
        });
        return { strategy, unit, ratePer10000, points };
      }),
    ),
  );
}

/** How many standard deviations of a binomial count the simulation is off the theory; half a worker is what counts are rounded to. */
export function deviation({ theory, survived, workers }: Pick<Point, 'theory' | 'survived' | 'workers'>): number {
  const off = Math.max(0, Math.abs(survived - workers * theory) - 0.5);
  return off === 0 ? 0 : off / Math.sqrt(workers * theory * (1 - theory));
}
