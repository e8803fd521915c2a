import { operatorsOf } from './strategies.ts';
import { type Curve, deviation, RATES, SIZE, STRATEGIES, UNITS } from './study.ts';
import { answersUntil, caughtByAnswer, rateThatDeters } from './theory.ts';

const BOND_PER_GAIN = 100;
const UNIT_WORDS = { token: 'whole token', operator: 'one operator' } as const;
const percent = (share: number): string => `${Number((100 * share).toPrecision(3))} %`;

/** The study in numbers, as markdown. */
export function challengeTables(curves: readonly Curve[]): string {
  const rows = UNITS.flatMap((unit) =>
    STRATEGIES.map((strategy) => {
      const answers = RATES.map((rate) =>
        answersUntil(caughtByAnswer(strategy, { unit, rate: rate / 10_000 }), 0.95).toLocaleString('en'),
      );
      const deters = rateThatDeters(strategy, { unit, bondPerGain: BOND_PER_GAIN });
      return `| ${UNIT_WORDS[unit]} | ${strategy.title} | ${answers.join(' | ')} | ${deters > 1 ? 'none' : percent(deters)} |`;
    }),
  );
  const points = curves.flatMap((curve) => curve.points);
  const worst = Math.max(...points.map(deviation));
  const outside = points.filter(({ theory, simulated }) => theory < simulated.low || theory > simulated.high).length;
  return [
    `Answers until a cheat is caught with probability 95 %, by audit rate, and the rate above which it loses with a bond of ${BOND_PER_GAIN} times what it gains by an answer; ${SIZE.positions} positions, ${operatorsOf(SIZE)} operators.`,
    '',
    `| challenged | cheat | ${RATES.map((rate) => `at ${rate / 100} %`).join(' | ')} | loses above |`,
    `| --- | --- | ${RATES.map(() => '---:').join(' | ')} | ---: |`,
    ...rows,
    '',
    `Of ${points.length} simulated points, ${points.length - outside} have the theory within their 95 % interval; the farthest is ${worst.toFixed(1)} standard deviations off.`,
  ].join('\n');
}
