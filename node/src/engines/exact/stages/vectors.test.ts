import { hash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromHex, type RequestId, type Sha256, toHex, traceShape } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gated as gatedByHand } from '../dispute/operators.ts';
import { exactModelFile } from '../file/exactModelFile.ts';
import { chooseToken, highest, READ_TOP } from '../run/chooseToken.ts';
import { traceModelOf } from '../trace/traceModel.ts';
import { traceRecorder } from '../trace/traceRecorder.ts';
import { arena } from './arena.ts';
import { instantiateKernels, type Kernels, type KernelVariant } from './kernels.ts';
import { compileKernels, loadStages } from './loadStages.ts';

/** What an implementation in Python with integers of any size found, from docs/exact-arithmetic.md alone (test/exact/reference.py). */
interface Vectors {
  readonly angles: { readonly cases: readonly { position: number; frequency: string; cos: number; sin: number }[] };
  readonly noise: { readonly cases: readonly { requestId: string; position: number; token: number; noise: number }[] };
  readonly gumbel: { readonly cases: readonly (readonly [k: string, noise: number])[] };
  readonly models: readonly {
    readonly file: string;
    readonly variant: 'narrow' | 'wide';
    readonly fileHash: string;
    readonly runs: readonly {
      readonly tokens: readonly number[];
      readonly prompt: number;
      readonly logits: readonly string[];
      readonly choice: {
        readonly requestId: string;
        readonly temperatureMicro: number;
        readonly tokens: readonly number[];
      };
      readonly traceRoots: { readonly blocks: string; readonly operators: string };
    }[];
  }[];
}

const repository = new URL('../../../../../', import.meta.url);
const vectors = JSON.parse(await readFile(new URL('test/vectors/exact.json', repository), 'utf8')) as Vectors;
const sha256: Sha256 = (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer'));

let cacheFolder: string;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'karmesh-exact-'));
});
afterAll(() => rm(cacheFolder, { recursive: true }));

async function kernelsOf(variant: KernelVariant): Promise<{ kernels: Kernels; memory: WebAssembly.Memory }> {
  const shared = variant === 'threads';
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536, ...(shared ? { shared } : {}) });
  return { kernels: await instantiateKernels(await compileKernels(variant), memory), memory };
}

describe.each(['simd', 'threads', 'plain'] as const)('the %s kernels', (variant) => {
  test('X-28: cosine and sine of any angle', async () => {
    const { kernels, memory } = await kernelsOf(variant);
    const room = arena(memory, kernels.freeFrom());
    const [frequency, out] = [room.take(8), room.take(8)];
    const found = vectors.angles.cases.map((wanted) => {
      new BigUint64Array(memory.buffer, frequency, 1)[0] = BigInt(wanted.frequency);
      kernels.angles(frequency, wanted.position, 1, out);
      const [cos, sin] = room.int32(out, 2);
      return { ...wanted, cos, sin };
    });
    expect(found).toEqual(vectors.angles.cases);
  });

  test('X-31: noise of the first 52 bits of a digest', async () => {
    const { kernels } = await kernelsOf(variant);
    const found = vectors.gumbel.cases.map(([k]) => [
      k,
      kernels.noise(Number(BigInt(k) >> 20n), Number(BigInt(k) & 0xfffffn)),
    ]);
    expect(found).toEqual(vectors.gumbel.cases);
  });

  test('X-26: every piece, its borders and what lies beyond, as by hand', async () => {
    const { kernels, memory } = await kernelsOf(variant);
    const room = arena(memory, kernels.freeFrom());
    const gates = Int32Array.from({ length: 4096 }, (_, i) => (i - 2048) * 256 + (i % 5) - 2);
    const ups = gates.map((_, i) => ((i * 7919) % 1_048_575) - 524_287);
    const [g, u, h] = [room.take(4 * gates.length), room.take(4 * gates.length), room.take(4 * gates.length)];
    for (const formats of [
      { gate: 14, up: 15, hidden: 14 },
      { gate: 19, up: 19, hidden: 10 },
      { gate: 3, up: 2, hidden: -4 },
    ]) {
      room.int32(g, gates.length).set(gates);
      room.int32(u, ups.length).set(ups);
      const shifts = [formats.gate - 16, 17 + formats.up - formats.hidden] as const;
      kernels.gated(g, u, h, gates.length, ...shifts, 2 ** 29 - 1);
      expect(room.int32(h, gates.length)).toEqual(gatedByHand(gates, ups, formats));
    }
  });
});

describe.each(vectors.models.map((model) => ({ ...model, name: `${model.file}, ${model.variant}` })))(
  '$name',
  (model) => {
    const convert = () =>
      exactModelFile(fileURLToPath(new URL(model.file, repository)), {
        cacheFolder,
        variant: model.variant === 'wide' ? 'wide' : undefined,
      });

    test('X-50: is converted to the same bytes', async () => {
      const { manifest, variant } = await convert();
      expect({ variant, fileHash: toHex(manifest.fileHash) }).toEqual({
        variant: model.variant,
        fileHash: model.fileHash,
      });
    });

    const ways = [
      { name: 'position by position', kernels: 'simd', threads: 1, step: 1, cuts: [] },
      { name: 'in one batch', kernels: 'simd', threads: 1, step: 32, cuts: [] },
      { name: 'in batches of three, with two threads', kernels: 'simd', threads: 2, step: 3, cuts: [] },
      { name: 'without vectors', kernels: 'plain', threads: 1, step: 5, cuts: [] },
      { name: 'cut into stages', kernels: 'simd', threads: 1, step: 2, cuts: [1] },
    ] as const;
    test.each(ways)('X-20 to X-31, X-70, X-71: has the same logits, choices and traces, $name', async (way) => {
      const { path } = await convert();
      await using loaded = await loadStages({
        modelPath: path,
        contextSize: 32,
        sequences: 1,
        batch: 32,
        threads: way.threads,
        kernels: way.kernels,
        cuts: way.cuts.filter((cut) => cut < 4 && model.file.includes('tiny')),
      });
      const traceModel = traceModelOf(loaded.model);
      const last = loaded.stages.at(-1);
      if (last === undefined) throw new Error('no stage');
      for (const run of model.runs) {
        const logits: string[] = [];
        const chosen: number[] = [];
        const recorders = (['blocks', 'operators'] as const).map((level) =>
          traceRecorder(traceShape(traceModel, { level, promptTokens: run.prompt }), { sha256 }),
        );
        for (let start = 0; start < run.tokens.length; start += way.step) {
          const rows = run.tokens
            .slice(start, start + way.step)
            .map((token, i) => ({ sequence: 0, position: start + i, token, wantsLogits: true }));
          let residuals: Int32Array | undefined;
          let found: readonly number[] = [];
          for (const { stage } of loaded.stages)
            ({ residuals, logits: found } = stage.run(rows, residuals, ({ name, layer, row, bytes }) => {
              const position = start + row;
              const isEarly = position < run.prompt - 1 && (name === 'finalNorm' || name === 'logits');
              for (const recorder of recorders) if (!isEarly) recorder.record({ name, layer, position, bytes });
            }));
          for (const [i, at] of found.entries()) {
            const bytes = new Uint8Array(last.memory.buffer, at, 4 * traceModel.vocabulary);
            logits.push(hash('sha256', bytes));
            const options = {
              logits: at,
              vocabulary: traceModel.vocabulary,
              wanted: READ_TOP,
              scratch: last.stage.scratch,
            };
            const place = {
              requestId: fromHex(run.choice.requestId) as RequestId,
              position: start + i - (run.prompt - 1),
              temperatureMicro: run.choice.temperatureMicro,
            };
            if (place.position >= 0)
              chosen.push(chooseToken({ kernels: last.kernels, sha256 }, place, highest(last, options)));
          }
        }
        expect(logits).toEqual(run.logits);
        expect(chosen).toEqual(run.choice.tokens);
        const [blocks, operators] = recorders.map((recorder) => toHex(recorder.root(run.tokens.length)));
        expect({ blocks, operators }).toEqual(run.traceRoots);
      }
    });
  },
);
