import { type Axis, figureSvg, type Line, type Panel } from '../plot.ts';
import { ANSWERS, type Curve, RATES, STRATEGIES, UNITS } from './study.ts';
import { caughtByAnswer, undetected } from './theory.ts';

/** From light to dark with the rate. */
const COLOURS: Readonly<Record<(typeof RATES)[number], string>> = { 200: '#6baed6', 600: '#2171b5', 2500: '#08204f' };

const X: Axis = {
  label: 'answers',
  from: -0.4,
  to: 10.4,
  ticks: ANSWERS.map((answers) => [Math.log2(answers), String(answers)]),
};
const Y: Axis = {
  label: 'not caught yet',
  from: 0,
  to: 1,
  ticks: [
    [0, '0'],
    [0.25, '25 %'],
    [0.5, '50 %'],
    [0.75, '75 %'],
    [1, '100 %'],
  ],
};
const UNIT_TITLES = { token: 'a whole token', operator: 'one operator' } as const;

/** Lines are the theory, marks the simulation with its intervals. */
export function challengeFigure(curves: readonly Curve[], { workers }: { readonly workers: number }): string {
  const panels = UNITS.flatMap((unit) =>
    STRATEGIES.map((strategy): Panel => {
      const lines = RATES.flatMap((rate): Line[] => {
        const curve = curves.find((one) => one.unit === unit && one.strategy === strategy && one.ratePer10000 === rate);
        if (curve === undefined) return [];
        const caught = caughtByAnswer(strategy, { unit, rate: rate / 10_000 });
        const colour = COLOURS[rate];
        const theory = Array.from({ length: 101 }, (_, i) => [i / 10, undetected(caught, 2 ** (i / 10))] as const);
        return [
          { colour, points: theory },
          {
            colour,
            points: curve.points.map(({ answers, simulated }) => [Math.log2(answers), simulated.value]),
            intervals: curve.points.map(({ simulated }) => [simulated.low, simulated.high]),
            markers: true,
            isDotted: true,
          },
        ];
      });
      return { title: `${strategy.title}, ${UNIT_TITLES[unit]}`, x: X, y: Y, lines };
    }),
  );
  return figureSvg({
    title: 'How long a cheat of the exact engine lasts, by what is challenged',
    subtitle: `lines: theory; marks: ${workers} workers each, drawn by the protocol’s own functions, with 95 % intervals (Wilson)`,
    columns: STRATEGIES.length,
    panels,
    legend: RATES.map((rate) => ({ text: `${rate / 100} % of answers audited`, colour: COLOURS[rate] })),
  });
}
