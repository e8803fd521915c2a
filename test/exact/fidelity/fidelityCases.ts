import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { floatModel } from './floatModel.ts';
import { llamaLogits } from './llamaLogits.ts';
import { type Fidelity, measureFidelity } from './measureFidelity.ts';
import { withInnerOutliers, withResidualOutliers } from './outlierModel.ts';
import { type TokenSequence, tokenSequences } from './sequences.ts';

/** What is promised of a model's fidelity. */
export interface FidelityAim {
  /** Against the function in floats: the share of equal highest tokens at least, and the rms error under. */
  readonly floatTop: number;
  readonly floatRms: number;
  /** Against llama.cpp: that share at least; or how much it may lie under llama.cpp's own agreement with the function in floats. */
  readonly llamaTop?: number;
  readonly llamaLag?: number;
}

export interface FidelityCase {
  readonly name: string;
  readonly variant?: 'wide';
  readonly aim: FidelityAim;
  /** The model from the bundled one's bytes; `texts` are tokens that it is measured on. */
  readonly make: (file: Uint8Array, texts: readonly (readonly number[])[]) => Uint8Array;
  /** How much of everything that is compared; the other models say much the same everywhere. */
  readonly share: number;
}

const near = { floatTop: 0.999, floatRms: 0.005 } as const;

/** The bundled model, and it with the outliers of large ones: see `outlierModel.ts`. */
export const FIDELITY_CASES: readonly FidelityCase[] = [
  { name: 'the bundled model', aim: { ...near, llamaTop: 0.995 }, make: (file) => file, share: 1 },
  {
    name: 'inner outliers x 50',
    variant: 'wide',
    aim: { ...near, llamaLag: 0.005 },
    make: (file) => withInnerOutliers(file),
    share: 0.25,
  },
  {
    name: 'residual outliers x 12',
    variant: 'wide',
    aim: { ...near, llamaLag: 0.005 },
    make: (file, texts) => withResidualOutliers(file, { factor: 12, texts }),
    share: 0.25,
  },
  {
    name: 'residual outliers x 50',
    variant: 'wide',
    aim: { floatTop: 0.995, floatRms: 0.02, llamaLag: 0.005 },
    make: (file, texts) => withResidualOutliers(file, { factor: 50, texts }),
    share: 0.25,
  },
];

/** How many questions and held-out texts are run: all of them are more than 4,000 positions. */
export interface FidelitySize {
  readonly questions: number;
  readonly texts: number;
}

export const FULL: FidelitySize = { questions: 16, texts: 24 };

/** Measures one case on texts that llama.cpp wrote with the bundled model. */
export async function runFidelityCase({ make, variant, share }: FidelityCase, size: FidelitySize): Promise<Fidelity> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-fidelity-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const file = await readFile(BUNDLED_MODEL_PATH);
  const { vocabulary } = floatModel(file);
  const sequences = await writtenSequences(vocabulary, size);
  // Every kind keeps its share.
  const step = Math.round(1 / share);
  const compared = sequences.filter((_, i) => i % step === 0);
  const modelPath = join(folder, 'model.gguf');
  await writeFile(
    modelPath,
    make(
      file,
      sequences.slice(-4).map(({ tokens }) => tokens),
    ),
  );
  const llama = stack.use(await llamaLogits(modelPath, vocabulary));
  return await measureFidelity({ modelPath, cacheFolder: folder, variant, sequences: compared }, llama);
}

async function writtenSequences(vocabulary: number, size: FidelitySize): Promise<readonly TokenSequence[]> {
  await using llama = await llamaLogits(BUNDLED_MODEL_PATH, vocabulary);
  return await tokenSequences(llama, size);
}

/** The aims that a measurement misses, as sentences. */
export function missedAims({ aim }: FidelityCase, measured: Fidelity): readonly string[] {
  const { exactToFloat, exactToLlama, llamaToFloat, misses } = measured;
  const unexplained = misses.filter(({ margin }) => margin < 0);
  const checks: readonly (readonly [isMet: boolean, sentence: string])[] = [
    [exactToFloat.top >= aim.floatTop, `top-1 against floats is ${exactToFloat.top}, under ${aim.floatTop}`],
    [exactToFloat.rms < aim.floatRms, `rms error against floats is ${exactToFloat.rms}, not under ${aim.floatRms}`],
    [
      exactToLlama.top >= llamaAim(aim, llamaToFloat.top),
      `top-1 against llama.cpp is ${exactToLlama.top}, under ${llamaAim(aim, llamaToFloat.top)}`,
    ],
    [
      aim.llamaTop === undefined || unexplained.length === 0,
      `${unexplained.length} misses against llama.cpp are not llama.cpp’s own distance from floats`,
    ],
  ];
  return checks.flatMap(([isMet, sentence]) => (isMet ? [] : [sentence]));
}

/** The share of highest tokens that must equal llama.cpp's. */
export function llamaAim({ llamaTop, llamaLag }: FidelityAim, floatTop: number): number {
  return llamaTop ?? floatTop - (llamaLag ?? 0);
}
