import type { PositionMeasurement } from '@karmesh/node/engines';
import { AUDIT_RULES, type AuditThresholds, judgeMeasurements, type Measurements } from '@karmesh/sdk/protocol';
import { sumMeasurements } from '../../node/src/engines/sumMeasurements.ts';
import type { Evidence, Series } from './collect.ts';
import { areaUnderCurve, type Estimate, type GroupedScores, type RocPoint, rocCurve, wilson } from './roc.ts';
import { seededRandom } from './seededRandom.ts';
import { VARIANTS, type Variant } from './variants.ts';

/** How many consecutive output tokens of one worker are judged together. */
export const TOKEN_COUNTS = [8, 16, 32, 64, 128, 256, 300] as const;

const BOOTSTRAP_ROUNDS = 1000;

/** What U-05 judges by, as a score: the more, the more suspect. */
const STATISTICS = {
  gapSum: ({ gapSumMicro }: Measurements) => Number(gapSumMicro),
  largestGap: ({ largestGapMicro }: Measurements) => Number(largestGapMicro),
  differing: ({ differing }: Measurements) => differing,
} as const;
type Statistic = keyof typeof STATISTICS;

/** One variant at one temperature, judged on so many tokens. */
export interface DetectionRow {
  readonly variant: Variant;
  readonly temperatureMicro: number;
  readonly tokens: number;
  /** Groups of prompts: none shares a prompt with another. */
  readonly groups: number;
  /** Area under the ROC curve by each statistic; bootstrap over groups. */
  readonly area: Readonly<Record<Statistic, Estimate>>;
  /** Share of cheating groups over the highest honest sum of gaps; Wilson. */
  readonly detectedAtNoFalseAlarm: Estimate;
  /** Share of cheating groups that the thresholds flag; Wilson. */
  readonly detected: Estimate;
  /** The ROC curve by the sum of gaps. */
  readonly curve: readonly RocPoint[];
}

/** Honest workers on so many tokens: a group counts as a false alarm if any pair of worker and auditor raises one. */
export interface FalseAlarmRow {
  readonly temperatureMicro: number;
  readonly tokens: number;
  readonly groups: number;
  readonly falseAlarms: Estimate;
}

/** One model's whole answers, each judged alone, as an audit does. Worst over all pairs of worker and auditor. */
export interface AnswerRow {
  readonly model: Series['model'];
  readonly temperatureMicro: number;
  readonly answers: number;
  readonly meanTokens: number;
  /** Share of prompts whose answer some auditor flags; Wilson. */
  readonly flagged: Estimate;
  readonly differingPer1000: number;
  readonly gapSumMicroPer1000: number;
  /** The worst answer: its largest gap, its sum as U-05 counts it (per 1,000 tokens, at least 100), its differing tokens likewise. */
  readonly worst: {
    readonly largestGapMicro: number;
    readonly gapSumMicroPer1000: number;
    readonly differingPer1000: number;
  };
}

export interface Summary {
  readonly prompts: number;
  readonly kernels: readonly string[];
  readonly thresholds: AuditThresholds;
  readonly detection: readonly DetectionRow[];
  readonly falseAlarms: readonly FalseAlarmRow[];
  readonly answers: readonly AnswerRow[];
}

/** Everything that the plots and tables show. Pure: equal evidence gives an equal summary. */
export function summarise(evidence: Evidence, thresholds: AuditThresholds): Summary {
  const detection: DetectionRow[] = [];
  const falseAlarms: FalseAlarmRow[] = [];
  for (const temperatureMicro of evidence.temperaturesMicro) {
    const series = evidence.series.filter((one) => one.temperatureMicro === temperatureMicro);
    for (const tokens of TOKEN_COUNTS) {
      const groups = groupsOf(series, { prompts: evidence.prompts, tokens });
      if (groups.length < 2) continue;
      const measured = (model: Series['model']): readonly (readonly Measurements[])[] => {
        const own = series.filter((one) => one.model === model);
        return groups.map((group) => own.map((one) => measureGroup(one, { ...group, tokens })));
      };
      const honest = measured('honest');
      const alarmed = honest.filter((group) => group.some((one) => judgeMeasurements(one, thresholds) !== undefined));
      falseAlarms.push({
        temperatureMicro,
        tokens,
        groups: groups.length,
        falseAlarms: wilson(alarmed.length, groups.length),
      });
      for (const variant of VARIANTS)
        detection.push({
          variant,
          temperatureMicro,
          tokens,
          groups: groups.length,
          ...compare({ cheating: measured(variant), honest, thresholds }),
        });
    }
  }
  const models = ['honest', ...VARIANTS] as const;
  const answers = evidence.temperaturesMicro.flatMap((temperatureMicro) =>
    models.map((model) =>
      wholeAnswers(
        evidence.series.filter((one) => one.model === model && one.temperatureMicro === temperatureMicro),
        thresholds,
      ),
    ),
  );
  return { prompts: evidence.prompts, kernels: evidence.kernels, thresholds, detection, falseAlarms, answers };
}

interface Group {
  readonly first: number;
  readonly end: number;
}

/** Runs of consecutive prompts, each just long enough for every series to have `tokens` output tokens in it. */
function groupsOf(series: readonly Series[], options: { readonly prompts: number; readonly tokens: number }): Group[] {
  const groups: Group[] = [];
  let first = 0;
  let counts = series.map(() => 0);
  for (let i = 0; i < options.prompts; i++) {
    counts = counts.map((count, s) => count + (series[s]?.answers[i]?.positions.length ?? 0));
    if (counts.some((count) => count < options.tokens)) continue;
    groups.push({ first, end: i + 1 });
    first = i + 1;
    counts = series.map(() => 0);
  }
  return groups;
}

function measureGroup(series: Series, group: Group & { readonly tokens: number }): Measurements {
  const positions: PositionMeasurement[] = [];
  for (const answer of series.answers.slice(group.first, group.end)) positions.push(...answer.positions);
  return sumMeasurements(positions.slice(0, group.tokens));
}

function compare(options: {
  readonly cheating: readonly (readonly Measurements[])[];
  readonly honest: readonly (readonly Measurements[])[];
  readonly thresholds: AuditThresholds;
}): Pick<DetectionRow, 'area' | 'detectedAtNoFalseAlarm' | 'detected' | 'curve'> {
  const { cheating, honest, thresholds } = options;
  const scores = (groups: readonly (readonly Measurements[])[], statistic: Statistic): GroupedScores =>
    groups.map((group) => group.map(STATISTICS[statistic]));
  const area = (statistic: Statistic): Estimate =>
    areaUnderCurve(
      { positives: scores(cheating, statistic), negatives: scores(honest, statistic) },
      { rounds: BOOTSTRAP_ROUNDS, random: seededRandom(1) },
    );
  const highestHonest = Math.max(...scores(honest, 'gapSum').flat());
  // One auditor a group, in turn, so that groups are independent trials.
  const trials = cheating.flatMap((group, i) => group[i % group.length] ?? []);
  const share = (isHit: (measured: Measurements) => boolean): Estimate =>
    wilson(trials.filter(isHit).length, trials.length);
  return {
    area: { gapSum: area('gapSum'), largestGap: area('largestGap'), differing: area('differing') },
    detectedAtNoFalseAlarm: share((measured) => STATISTICS.gapSum(measured) > highestHonest),
    detected: share((measured) => judgeMeasurements(measured, thresholds) !== undefined),
    curve: rocCurve(scores(cheating, 'gapSum').flat(), scores(honest, 'gapSum').flat()),
  };
}

/** U-05 gives a short answer the allowance of 100 tokens. */
const LEAST_TOKENS = 100;

function wholeAnswers(series: readonly Series[], thresholds: AuditThresholds): AnswerRow {
  const [first] = series;
  if (first === undefined) throw new RangeError('A model was not measured.');
  const all = series.flatMap(({ answers }) => answers);
  const rule = ({ end, measurements }: (typeof all)[number]): number | undefined =>
    end === 'wrong' ? AUDIT_RULES.wrongEnd : judgeMeasurements(measurements, thresholds);
  const flagged = first.answers.filter((_, i) =>
    series.some(({ answers }) => {
      const answer = answers[i];
      return answer !== undefined && rule(answer) !== undefined;
    }),
  );
  const sum = (part: (measurements: Measurements) => number): number =>
    all.reduce((total, { measurements }) => total + part(measurements), 0);
  const most = (part: (measurements: Measurements) => number): number =>
    all.reduce((max, { measurements }) => Math.max(max, part(measurements)), 0);
  const tokens = sum((measured) => measured.tokens);
  const per1000 = (count: number, measured: Measurements): number =>
    (1000 * count) / Math.max(measured.tokens, LEAST_TOKENS);
  return {
    model: first.model,
    temperatureMicro: first.temperatureMicro,
    answers: first.answers.length,
    meanTokens: tokens / all.length,
    flagged: wilson(flagged.length, first.answers.length),
    differingPer1000: (1000 * sum(({ differing }) => differing)) / tokens,
    gapSumMicroPer1000: (1000 * sum(({ gapSumMicro }) => Number(gapSumMicro))) / tokens,
    worst: {
      largestGapMicro: most(({ largestGapMicro }) => Number(largestGapMicro)),
      gapSumMicroPer1000: most((measured) => per1000(Number(measured.gapSumMicro), measured)),
      differingPer1000: most((measured) => per1000(measured.differing, measured)),
    },
  };
}
