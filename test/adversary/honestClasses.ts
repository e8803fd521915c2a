import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { AUDIT_RULES, judgeMeasurements } from '@karmesh/sdk/protocol';
import { answersOf, audit } from '../detection/collect.ts';
import { startCpuClasses } from '../detection/cpuClasses.ts';
import { requests } from '../detection/prompts.ts';
import { shippedThresholds } from '../detection/shippedThresholds.ts';

export interface HonestClassesResult {
  /** CPU kernels of the classes that ran. */
  readonly kernels: readonly string[];
  readonly requests: number;
  /** Answers of a class's second replica that are not those of its first, by token and by trace. */
  readonly unequalReplicas: readonly { readonly kernel: string; readonly request: number }[];
  readonly audits: number;
  /** Audits of an honest answer that named a rule. */
  readonly alarms: readonly {
    readonly worker: string;
    readonly auditor: string;
    readonly request: number;
    readonly rule: number;
  }[];
  /** Requests whose answers differ between classes: a quorum of hashes across classes would have punished somebody. */
  readonly requestsThatDiffer: number;
  readonly largestGapMicro: bigint;
  readonly largestGapSumMicro: bigint;
  readonly mostDiffering: number;
}

/**
 * Lets honest workers of three CPU classes, two replicas each, answer the same requests, half of them at temperature 0 and half at
 * 0.8, and lets every class audit every class by the shipped thresholds. The replicas of a class run different builds where
 * llama.cpp has them, and get the requests in opposite orders, so that their batches differ.
 */
export async function runHonestClasses({ count }: { readonly count: number }): Promise<HonestClassesResult> {
  const thresholds = shippedThresholds();
  const half = { count: count / 2, maxTokens: 96 };
  const asked = [
    ...requests({ ...half, seed: 11, temperatureMicro: 0 }),
    ...requests({ ...half, seed: 12, temperatureMicro: 800_000 }),
  ];
  await using started = await startCpuClasses({ modelPath: BUNDLED_MODEL_PATH, count: 3, replicas: 2 });
  const ran = await Promise.all(
    started.classes.map(async ({ kernel, replicas: [first, second] }) => {
      if (first === undefined || second === undefined) throw new RangeError('A class needs two replicas.');
      const [answers, reversed] = await Promise.all([answersOf(first, asked), answersOf(second, [...asked].reverse())]);
      return { kernel, auditor: second, answers, again: [...reversed].reverse() };
    }),
  );
  const unequalReplicas = ran.flatMap(({ kernel, answers, again }) =>
    answers.flatMap((answer, request) => {
      const other = again[request];
      const isEqual =
        other !== undefined &&
        other.text === answer.text &&
        other.finishReason === answer.finishReason &&
        Buffer.compare(other.traceRoot, answer.traceRoot) === 0;
      return isEqual ? [] : [{ kernel, request }];
    }),
  );
  const [one] = ran;
  const requestsThatDiffer = (one?.answers ?? []).filter((answer, i) =>
    ran.some(({ answers }) => answers[i]?.outputTokens.join() !== answer.outputTokens.join()),
  ).length;

  const alarms: { worker: string; auditor: string; request: number; rule: number }[] = [];
  let audits = 0;
  let largestGapMicro = 0n;
  let largestGapSumMicro = 0n;
  let mostDiffering = 0;
  await Promise.all(
    ran.map(async ({ kernel: auditor, auditor: engine }) => {
      for (const { kernel: worker, answers } of ran) {
        for (const [request, { measurements, end }] of (await audit(engine, asked, answers)).entries()) {
          const rule = end === 'wrong' ? AUDIT_RULES.wrongEnd : judgeMeasurements(measurements, thresholds);
          if (rule !== undefined) alarms.push({ worker, auditor, request, rule });
          audits++;
          if (measurements.largestGapMicro > largestGapMicro) largestGapMicro = measurements.largestGapMicro;
          if (measurements.gapSumMicro > largestGapSumMicro) largestGapSumMicro = measurements.gapSumMicro;
          mostDiffering = Math.max(mostDiffering, measurements.differing);
        }
      }
    }),
  );
  return {
    kernels: ran.map(({ kernel }) => kernel),
    requests: asked.length,
    unequalReplicas,
    audits,
    alarms,
    requestsThatDiffer,
    largestGapMicro,
    largestGapSumMicro,
    mostDiffering,
  };
}
