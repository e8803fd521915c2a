import { type Axis, type Figure, figureSvg, type Line, type Panel } from './plot.ts';
import type { Estimate } from './roc.ts';
import { type DetectionRow, type Summary, TOKEN_COUNTS } from './summarise.ts';
import { VARIANT_TITLES, VARIANTS, type Variant } from './variants.ts';

/** Okabe and Ito's palette, which people who see few colours can tell apart. */
const VARIANT_COLOURS: Readonly<Record<Variant, string>> = {
  q4_0: '#0072b2',
  changed: '#d55e00',
  f16: '#009e73',
  nudged: '#cc79a7',
};

/** From light to dark with the number of tokens. */
const CURVES: readonly (readonly [tokens: number, colour: string])[] = [
  [8, '#9ecae1'],
  [32, '#4292c6'],
  [128, '#2159a8'],
  [300, '#08204f'],
];

const SHARES: Pick<Axis, 'from' | 'to' | 'ticks'> = {
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

const SHORT_TITLES: Readonly<Record<Variant, string>> = {
  q4_0: 'Q4_0',
  changed: '1 % of weights replaced',
  f16: 'F16',
  nudged: '1 % of weights one step off',
};

const temperature = (micro: number): string => `T = ${micro / 1_000_000}`;

function subtitle({ prompts, kernels }: Summary): string {
  return `${prompts} prompts; honest workers and auditors on ${kernels.join(', ')}; negatives are all pairs of them`;
}

/** ROC curves by the sum of gaps: one panel per temperature and variant, one line per number of tokens. */
export function rocFigure(summary: Summary): string {
  const temperatures = [...new Set(summary.detection.map(({ temperatureMicro }) => temperatureMicro))];
  const panels = temperatures.flatMap((temperatureMicro) =>
    VARIANTS.map((variant): Panel => {
      const lines = CURVES.flatMap(([tokens, colour]): Line[] => {
        const row = summary.detection.find(
          (one) => one.variant === variant && one.temperatureMicro === temperatureMicro && one.tokens === tokens,
        );
        if (row === undefined) return [];
        return [{ colour, points: row.curve.map(({ falseAlarms, detected }) => [falseAlarms, detected] as const) }];
      });
      return {
        title: `${SHORT_TITLES[variant]}, ${temperature(temperatureMicro)}`,
        x: { ...SHARES, label: 'honest runs flagged' },
        y: { ...SHARES, label: 'cheating runs flagged' },
        diagonal: true,
        lines,
      };
    }),
  );
  const figure: Figure = {
    title: 'Token audit of the bundled Q8_0 model: ROC by the sum of gaps',
    subtitle: subtitle(summary),
    columns: VARIANTS.length,
    panels,
    legend: CURVES.map(([tokens, colour]) => ({ text: `${tokens} tokens`, colour })),
  };
  return figureSvg(figure);
}

/** Area under the curve, and the share flagged at the shipped thresholds, by the number of tokens. */
export function tokensFigure(summary: Summary): string {
  const temperatures = [...new Set(summary.detection.map(({ temperatureMicro }) => temperatureMicro))];
  const tokensAxis: Axis = {
    label: 'output tokens judged together',
    from: Math.log2(TOKEN_COUNTS[0]) - 0.3,
    to: Math.log2(TOKEN_COUNTS[TOKEN_COUNTS.length - 1] ?? 300) + 0.3,
    ticks: TOKEN_COUNTS.filter((tokens) => tokens !== 256).map((tokens) => [Math.log2(tokens), String(tokens)]),
  };
  const linesOf = (temperatureMicro: number, estimate: (row: DetectionRow) => Estimate): Line[] =>
    VARIANTS.map((variant) => {
      const rows = summary.detection.filter(
        (row) => row.variant === variant && row.temperatureMicro === temperatureMicro,
      );
      return {
        colour: VARIANT_COLOURS[variant],
        points: rows.map((row) => [Math.log2(row.tokens), estimate(row).value]),
        intervals: rows.map((row) => [estimate(row).low, estimate(row).high]),
        markers: true,
      };
    });
  const measures: readonly (readonly [string, Axis, (row: DetectionRow) => Estimate])[] = [
    [
      'area under the ROC curve',
      {
        label: 'area (gap sum)',
        from: 0.4,
        to: 1,
        ticks: [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].map((v) => [v, String(v)]),
      },
      ({ area }) => area.gapSum,
    ],
    ['flagged as shipped', { ...SHARES, label: 'cheating runs flagged' }, ({ detected }) => detected],
  ];
  return figureSvg({
    title: 'Token audit of the bundled Q8_0 model, by the number of tokens',
    subtitle: `${summary.prompts} prompts; 95 % intervals: bootstrap over prompts, and Wilson’s`,
    columns: measures.length * temperatures.length,
    panels: measures.flatMap(([name, y, estimate]) =>
      temperatures.map(
        (temperatureMicro): Panel => ({
          title: `${name}, ${temperature(temperatureMicro)}`,
          x: tokensAxis,
          y,
          lines: linesOf(temperatureMicro, estimate),
        }),
      ),
    ),
    legend: VARIANTS.map((variant) => ({ text: VARIANT_TITLES[variant], colour: VARIANT_COLOURS[variant] })),
  });
}
