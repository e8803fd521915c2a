import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GeneratedAnswer, GenerateOptions, ReplayResult } from '@karmesh/node/engines';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { KarmeshError } from '@karmesh/sdk/errors';
import { startCpuClasses } from './cpuClasses.ts';
import { type EngineProcess, startEngineProcess } from './engineProcess.ts';
import { requests } from './prompts.ts';
import { VARIANTS, type Variant, writeVariants } from './variants.ts';

/** The answers of one worker to all requests, as one auditor saw them, in the order of the requests. */
export interface Series {
  readonly model: 'honest' | Variant;
  /** CPU kernels of the engine classes of worker and auditor. */
  readonly worker: string;
  readonly auditor: string;
  readonly temperatureMicro: number;
  readonly answers: readonly ReplayResult[];
}

export interface Evidence {
  readonly prompts: number;
  readonly seed: number;
  readonly kernels: readonly string[];
  readonly temperaturesMicro: readonly number[];
  readonly series: readonly Series[];
}

/** One answer per request, as a worker would give it. */
export function answersOf(
  worker: EngineProcess,
  asked: readonly GenerateOptions[],
): Promise<readonly GeneratedAnswer[]> {
  return Promise.all(asked.map((request) => worker.generate(request)));
}

/** Replays answers to requests on an auditor's engine, as a drawn validator would. */
export function audit(
  auditor: EngineProcess,
  asked: readonly GenerateOptions[],
  answers: readonly GeneratedAnswer[],
): Promise<readonly ReplayResult[]> {
  return Promise.all(
    asked.map((request, i) => {
      const answer = answers[i];
      if (answer === undefined) throw new RangeError('There is a request without an answer.');
      const { outputTokens, finishReason } = answer;
      return auditor.replay({ ...request, outputTokens, finishReason });
    }),
  );
}

/**
 * Lets honest workers of every CPU class and one cheating worker per variant answer the same prompts, and audits each with the
 * bundled model in every class. Throws `ENGINE_FAILED` where the processor runs fewer than two classes.
 */
export async function collectEvidence(options: {
  readonly prompts: number;
  readonly seed: number;
  readonly classes: number;
  readonly temperaturesMicro: readonly number[];
  readonly onProgress?: (sentence: string) => void;
  readonly signal?: AbortSignal;
}): Promise<Evidence> {
  const { prompts, seed, temperaturesMicro } = options;
  const control = options.signal === undefined ? {} : { signal: options.signal };
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-detection-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const { classes } = stack.use(
    await startCpuClasses({ modelPath: BUNDLED_MODEL_PATH, count: options.classes, replicas: 1, ...control }),
  );
  const auditors = classes.flatMap(({ kernel, replicas: [engine] }) =>
    engine === undefined ? [] : [{ kernel, engine }],
  );
  const [best] = classes;
  if (best === undefined || classes.length < 2)
    throw new KarmeshError('ENGINE_FAILED', 'This processor runs fewer than two CPU classes of llama.cpp.', {
      classes: classes.length,
    });

  const series: Series[] = [];
  const measure = async (
    model: Series['model'],
    worker: { readonly kernel: string; readonly engine: EngineProcess },
  ) => {
    for (const temperatureMicro of temperaturesMicro) {
      const asked = requests({ count: prompts, seed, temperatureMicro, maxTokens: 300 });
      const answers = await answersOf(worker.engine, asked);
      const audits = await Promise.all(auditors.map(({ engine }) => audit(engine, asked, answers)));
      for (const [i, { kernel }] of auditors.entries())
        series.push({ model, worker: worker.kernel, auditor: kernel, temperatureMicro, answers: audits[i] ?? [] });
      options.onProgress?.(`${model} on ${worker.kernel} at temperature ${temperatureMicro / 1_000_000} is audited.`);
    }
  };
  for (const worker of auditors) await measure('honest', worker);
  const paths = await writeVariants(folder);
  for (const variant of VARIANTS) {
    await using engine = await startEngineProcess(
      { modelPath: paths[variant], forceCpuLibrary: best.library },
      control,
    );
    await measure(variant, { kernel: best.kernel, engine });
  }
  return { prompts, seed, kernels: classes.map(({ kernel }) => kernel), temperaturesMicro, series };
}
