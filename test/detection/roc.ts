/** An estimate with the ends of its interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Scores of independent groups: all scores of a group come from the same prompts, so they rise and fall together. */
export type GroupedScores = readonly (readonly number[])[];

/** The standard normal's 97.5 % point. */
const Z = 1.959963984540054;

/** Wilson's 95 % interval for `hits` of `trials` (E. B. Wilson, JASA 22, 1927). No trials: nothing is known. */
export function wilson(hits: number, trials: number): Estimate {
  if (trials === 0) return { value: Number.NaN, low: 0, high: 1 };
  const share = hits / trials;
  const spread = Z * Math.sqrt((share * (1 - share)) / trials + (Z / (2 * trials)) ** 2);
  const centre = share + Z ** 2 / (2 * trials);
  const scale = 1 + Z ** 2 / trials;
  return { value: share, low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) };
}

/** How often a positive's score exceeds a negative's, a tie counting half: for each group of positives and each of negatives. */
function wins(positives: GroupedScores, negatives: GroupedScores): readonly Float64Array[] {
  const sorted = negatives.map((group) => Float64Array.from(group).sort());
  return positives.map((group) =>
    Float64Array.from(sorted, (rivals) => {
      let sum = 0;
      for (const score of group)
        sum += below(rivals, score) + 0.5 * (below(rivals, nextUp(score)) - below(rivals, score));
      return sum;
    }),
  );
}

/** How many of the sorted values lie under the limit. */
function below(sorted: Float64Array, limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

const bits = new DataView(new ArrayBuffer(8));

/** The next larger double of a score that is not negative. */
function nextUp(score: number): number {
  bits.setFloat64(0, score);
  bits.setBigUint64(0, bits.getBigUint64(0) + 1n);
  return bits.getFloat64(0);
}

/**
 * The area under the ROC curve, with a 95 % percentile bootstrap over groups: group i of the positives and group i of the negatives
 * have the same prompts and are drawn together. Scores are not negative.
 */
export function areaUnderCurve(
  scores: { readonly positives: GroupedScores; readonly negatives: GroupedScores },
  bootstrap: { readonly rounds: number; readonly random: () => number },
): Estimate {
  const { positives, negatives } = scores;
  if (positives.length !== negatives.length) throw new RangeError('Positives and negatives have different groups.');
  const groups = positives.length;
  const table = wins(positives, negatives);
  const area = (weights: Float64Array): number => {
    let won = 0;
    let countPositive = 0;
    let countNegative = 0;
    for (let i = 0; i < groups; i++) {
      const weight = weights[i] ?? 0;
      countPositive += weight * (positives[i]?.length ?? 0);
      countNegative += weight * (negatives[i]?.length ?? 0);
      const row = table[i];
      if (weight === 0 || row === undefined) continue;
      let sum = 0;
      for (let j = 0; j < groups; j++) sum += (weights[j] ?? 0) * (row[j] ?? 0);
      won += weight * sum;
    }
    return won / (countPositive * countNegative);
  };
  const value = area(new Float64Array(groups).fill(1));
  const drawn = Array.from({ length: bootstrap.rounds }, () => {
    const weights = new Float64Array(groups);
    for (let k = 0; k < groups; k++) {
      const group = Math.floor(bootstrap.random() * groups);
      weights[group] = (weights[group] ?? 0) + 1;
    }
    return area(weights);
  }).sort((a, b) => a - b);
  const quantile = (share: number): number => drawn[Math.floor(share * (drawn.length - 1))] ?? value;
  return { value, low: quantile(0.025), high: quantile(0.975) };
}

/** One point of a ROC curve: the shares of negatives and positives whose score is over a limit. */
export interface RocPoint {
  readonly falseAlarms: number;
  readonly detected: number;
}

/** The ROC curve from (0, 0) to (1, 1), one point per distinct score, corners only. */
export function rocCurve(positives: readonly number[], negatives: readonly number[]): readonly RocPoint[] {
  const limits = [...new Set([...positives, ...negatives])].sort((a, b) => b - a);
  const sortedPositives = Float64Array.from(positives).sort();
  const sortedNegatives = Float64Array.from(negatives).sort();
  const points = limits.map((limit) => ({
    falseAlarms: 1 - below(sortedNegatives, limit) / negatives.length,
    detected: 1 - below(sortedPositives, limit) / positives.length,
  }));
  return [{ falseAlarms: 0, detected: 0 }, ...points].filter(
    (point, i, all) => !isBetween(point, all[i - 1], all[i + 1]),
  );
}

/** Whether a point lies on a level or upright line between its neighbours. */
function isBetween(point: RocPoint, before: RocPoint | undefined, after: RocPoint | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  const level = before.detected === point.detected && point.detected === after.detected;
  const upright = before.falseAlarms === point.falseAlarms && point.falseAlarms === after.falseAlarms;
  return level || upright;
}
