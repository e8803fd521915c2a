import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { halfToFloat } from './halfFloat.ts';
import { Q4_0, quantiseQ4_0 } from './quantise.ts';
import { rewriteGguf } from './rewriteGguf.ts';
import { seededRandom } from './seededRandom.ts';

/** What a worker may run instead of the bundled Q8_0 model that it is paid for. */
export const VARIANTS = ['q4_0', 'changed', 'f16', 'nudged'] as const;
export type Variant = (typeof VARIANTS)[number];

export const VARIANT_TITLES: Readonly<Record<Variant, string>> = {
  q4_0: 'Q4_0',
  changed: '1 % of weights replaced',
  f16: 'F16, the original',
  nudged: '1 % of weights one step off',
};

/** The float original of the bundled model (test/models/README.md). */
export const F16_MODEL_PATH: string = fileURLToPath(new URL('../models/tiny-f16.gguf', import.meta.url));

const Q8_0_BLOCK_BYTES = 34;
const CHANGED_SHARE = 0.01;

/** Writes the variants that are not kept as files into `folder` and returns the path of each. */
export async function writeVariants(folder: string): Promise<Readonly<Record<Variant, string>>> {
  const [original, bundled] = await Promise.all([readFile(F16_MODEL_PATH), readFile(BUNDLED_MODEL_PATH)]);
  const made = {
    q4_0: toQ4_0(original),
    changed: withChangedWeights(bundled, { seed: 1, change: (_, random) => Math.floor(random() * 255) - 127 }),
    nudged: withChangedWeights(bundled, {
      seed: 2,
      change: (level, random) => Math.max(-127, Math.min(127, level + (random() < 0.5 ? -1 : 1))),
    }),
  };
  const paths = { f16: F16_MODEL_PATH, ...mapValues(made, (_, name) => join(folder, `tiny-${name}.gguf`)) };
  await Promise.all([
    writeFile(paths.q4_0, made.q4_0),
    writeFile(paths.changed, made.changed),
    writeFile(paths.nudged, made.nudged),
  ]);
  return paths;
}

function mapValues<K extends string, A, B>(record: Readonly<Record<K, A>>, map: (value: A, key: K) => B): Record<K, B> {
  const entries = (Object.entries(record) as [K, A][]).map(([key, value]) => [key, map(value, key)] as const);
  return Object.fromEntries(entries) as Record<K, B>;
}

/** Every F16 matrix in Q4_0, the embedding and the output included; norms stay as they are. */
export function toQ4_0(file: Uint8Array): Uint8Array {
  return rewriteGguf(file, {
    fileType: Q4_0.fileType,
    replace: ({ type, data }) => {
      if (type !== 'F16') return { data };
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      const weights = Float32Array.from({ length: data.length / 2 }, (_, i) =>
        halfToFloat(view.getUint16(2 * i, true)),
      );
      return { data: quantiseQ4_0(weights), ggmlType: Q4_0.ggmlType };
    },
  });
}

/** Every Q8_0 weight is changed with a probability of 1 %: its number of 8 bits, never its block's scale. */
export function withChangedWeights(
  file: Uint8Array,
  options: { readonly seed: number; readonly change: (level: number, random: () => number) => number },
): Uint8Array {
  const random = seededRandom(options.seed);
  return rewriteGguf(file, {
    replace: ({ type, data }) => {
      if (type !== 'Q8_0') return { data };
      const levels = Int8Array.from(data);
      for (let i = 0; i < levels.length; i++) {
        const isScale = i % Q8_0_BLOCK_BYTES < 2;
        if (!isScale && random() < CHANGED_SHARE) levels[i] = options.change(levels[i] ?? 0, random);
      }
      return { data: new Uint8Array(levels.buffer) };
    },
  });
}
