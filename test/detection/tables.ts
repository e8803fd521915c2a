import type { Estimate } from './roc.ts';
import type { DetectionRow, Summary } from './summarise.ts';
import { VARIANT_TITLES } from './variants.ts';

/** What the machine was doing, for the reader of a figure. */
export interface Conditions {
  readonly date: string;
  readonly processor: string;
  readonly seconds: number;
  /** Load averages over one minute when it began and ended, beside the number of cores. */
  readonly load: readonly [before: number, after: number];
  readonly cores: number;
}

/** In percent: whole from 10 on, one place below, and a plain 0 for nothing. */
function percent(share: number): string {
  if (share < 0.0005) return '0';
  return (100 * share).toFixed(share < 0.0995 ? 1 : 0);
}
const percentOf = ({ value, low, high }: Estimate): string =>
  `${percent(value)} % (${percent(low)} to ${percent(high)})`;
const areaOf = ({ value, low, high }: Estimate): string =>
  `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
const temperature = (micro: number): string => String(micro / 1_000_000);
const logits = (micro: number): string => (micro / 1_000_000).toFixed(4);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function answerTable(summary: Summary): string {
  return table(
    [
      'worker runs',
      'temperature',
      'answers (mean tokens)',
      'answers flagged',
      'differing per 1,000',
      'gap sum per 1,000, logits',
      'largest gap',
      'worst answer: sum per 1,000',
      'worst answer: differing per 1,000',
    ],
    summary.answers.map((row) => [
      row.model === 'honest' ? 'Q8_0 (honest)' : VARIANT_TITLES[row.model],
      temperature(row.temperatureMicro),
      `${row.answers} (${row.meanTokens.toFixed(0)})`,
      percentOf(row.flagged),
      row.differingPer1000.toFixed(2),
      logits(row.gapSumMicroPer1000),
      logits(row.worst.largestGapMicro),
      logits(row.worst.gapSumMicroPer1000),
      row.worst.differingPer1000.toFixed(1),
    ]),
  );
}

function detectionTable(rows: readonly DetectionRow[]): string {
  return table(
    [
      'tokens',
      'groups',
      'area: gap sum',
      'area: largest gap',
      'area: differing tokens',
      'flagged at no false alarm (gap sum)',
      'flagged at the shipped thresholds',
    ],
    rows.map((row) => [
      String(row.tokens),
      String(row.groups),
      areaOf(row.area.gapSum),
      areaOf(row.area.largestGap),
      areaOf(row.area.differing),
      percentOf(row.detectedAtNoFalseAlarm),
      percentOf(row.detected),
    ]),
  );
}

function falseAlarmTable(summary: Summary): string {
  return table(
    ['temperature', 'tokens', 'groups', 'groups with a false alarm at the shipped thresholds'],
    summary.falseAlarms.map((row) => [
      temperature(row.temperatureMicro),
      String(row.tokens),
      String(row.groups),
      percentOf(row.falseAlarms),
    ]),
  );
}

/** The measured part of docs/detection.md. */
export function measuredMarkdown(summary: Summary, conditions: Conditions): string {
  const { thresholds } = summary;
  const variants = [...new Set(summary.detection.map(({ variant }) => variant))];
  const temperatures = [...new Set(summary.detection.map(({ temperatureMicro }) => temperatureMicro))];
  const sections = variants.flatMap((variant) =>
    temperatures.flatMap((micro) => [
      `### ${VARIANT_TITLES[variant]}, temperature ${temperature(micro)}`,
      detectionTable(summary.detection.filter((row) => row.variant === variant && row.temperatureMicro === micro)),
    ]),
  );
  return [
    `Measured on ${conditions.date} on ${conditions.processor} with ${conditions.cores} cores, load average ` +
      `${conditions.load[0].toFixed(1)} at the start and ${conditions.load[1].toFixed(1)} at the end, in ` +
      `${Math.round(conditions.seconds)} s. ${summary.prompts} prompts; classes ${summary.kernels.map((kernel) => `\`${kernel}\``).join(', ')}. ` +
      `Shipped thresholds: largest gap ${logits(Number(thresholds.largestGapMicro))} logits, gap sum ` +
      `${logits(Number(thresholds.gapSumMicroPer1000))} logits and ${thresholds.differingPer1000} differing tokens per 1,000.`,
    '### Whole answers, each audited alone',
    answerTable(summary),
    '### Honest workers',
    falseAlarmTable(summary),
    ...sections,
  ].join('\n\n');
}
