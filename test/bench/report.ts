import { cpus, loadavg } from 'node:os';

/** One measured comparison; `ratio` is ours divided by the rival's. */
export interface BenchRow {
  readonly what: string;
  readonly ours: number;
  readonly rivalName: string;
  readonly rival: number;
  readonly unit: string;
  readonly ratio: number;
  /** What the ratio should be, such as `<= 3`; a dash where there is no aim. */
  readonly aim: string;
  readonly met: boolean;
}

export interface BenchReport {
  readonly bench: string;
  /** The machine's load average over a minute, before and after. */
  readonly load: string;
  readonly rows: readonly BenchRow[];
}

/** A row with its ratio and whether that meets `aim`. */
export function benchRow(
  row: Omit<BenchRow, 'ratio' | 'met' | 'aim'> & { readonly atMost?: number; readonly atLeast?: number },
): BenchRow {
  const { atMost, atLeast, ...rest } = row;
  const ratio = row.ours / row.rival;
  const aims = [atMost === undefined ? [] : [`<= ${atMost}`], atLeast === undefined ? [] : [`>= ${atLeast}`]].flat();
  const met = (atMost === undefined || ratio <= atMost) && (atLeast === undefined || ratio >= atLeast);
  return { ...rest, ratio: Number(ratio.toFixed(3)), aim: aims.join(' and ') || '-', met };
}

export function loadNow(): string {
  const [minute = 0] = loadavg();
  return `${minute.toFixed(2)} on ${cpus().length} CPUs`;
}

/** The median of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** A report as a person reads it. */
export function renderReport(report: BenchReport): string {
  const cells = report.rows.map((row) => [
    row.what,
    `${round(row.ours)} ${row.unit}`,
    `${row.rivalName}: ${round(row.rival)} ${row.unit}`,
    `x ${row.ratio}`,
    row.aim,
    row.aim === '-' ? '' : row.met ? 'met' : 'NOT MET',
  ]);
  const head = ['what', 'ours', 'rival', 'ratio', 'aim', ''];
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [`${report.bench} (load ${report.load})`, line(head), ...cells.map(line)].join('\n');
}

function round(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
