import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { BUNDLED_MODEL_PATH } from '../../models/bundled.ts';
import { cpuKernelOf, loadedCpuLibrary } from './cpuKernel.ts';

const place = `${process.platform}-${process.arch}`;

describe('cpuKernelOf', () => {
  test('takes libraries together that were measured to be equal', () => {
    expect(cpuKernelOf('zen4', ['F32', 'Q8_0'])).toEqual({
      library: 'zen4',
      name: `${place}/avx512`,
      batchNeutral: true,
    });
    expect(cpuKernelOf('haswell', ['F16', 'F32'])).toEqual({
      library: 'haswell',
      name: `${place}/avx2`,
      batchNeutral: false,
    });
    expect(cpuKernelOf('sandybridge', ['F32', 'Q8_0'])).toEqual({
      library: 'sandybridge',
      name: `${place}/avx`,
      batchNeutral: false,
    });
  });
  test('leaves each library alone with weights that were not measured', () => {
    expect(cpuKernelOf('zen4', ['F32', 'Q4_K'])).toEqual({
      library: 'zen4',
      name: `${place}/zen4`,
      batchNeutral: false,
    });
  });
  test('names the platform where llama.cpp has one library', () => {
    expect(cpuKernelOf(undefined, ['F32', 'Q8_0'])).toEqual({ library: undefined, name: place, batchNeutral: false });
  });
});

/**
 * Runs one library in a process of its own: a process can load only one. It is a file and no `--eval`, because node-llama-cpp tries its
 * binary in a fork, which inherits the flags.
 */
const script = `
  const { llamaEngine } = await import(process.env.ENGINES);
  const toHex = (bytes) => Buffer.from(bytes).toString('hex');
  const engine = await llamaEngine({
    modelPath: process.env.MODEL,
    ...(process.env.LIBRARY === '' ? {} : { forceCpuLibrary: process.env.LIBRARY }),
  });
  const one = (i) => engine.generate({
    requestId: new Uint8Array(32), messages: [{ role: 'user', content: 'Tell me a story about ' + i + ' foxes.' }],
    maxTokens: 40, temperatureMicro: 500000, stops: [],
  });
  const alone = [];
  for (const i of [1, 2, 3]) alone.push(toHex((await one(i)).traceRoot));
  const together = (await Promise.all([1, 2, 3].map(one))).map(({ traceRoot }) => toHex(traceRoot));
  const { engineClass, engineClassId } = engine.describe();
  console.log(JSON.stringify({ kernel: engineClass.cpuKernel, id: toHex(engineClassId), alone, together }));
  await engine[Symbol.asyncDispose]();
`;

interface Run {
  readonly kernel: string;
  readonly id: string;
  readonly alone: readonly string[];
  readonly together: readonly string[];
}

async function runLibrary(library: string): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-library-'));
  try {
    const file = join(folder, 'run.mjs');
    await writeFile(file, script);
    const env = {
      ...process.env,
      LIBRARY: library,
      ENGINES: new URL('../index.ts', import.meta.url).href,
      MODEL: BUNDLED_MODEL_PATH,
    };
    const { stdout } = await promisify(execFile)(process.execPath, [file], { env });
    return JSON.parse(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Every AVX2 processor runs these. */
const hasLibraries = process.platform === 'linux' && process.arch === 'x64';

describe.skipIf(!hasLibraries)('forced libraries, on Linux x64', () => {
  test('are classes of their own, and requests side by side keep their bits in each', async () => {
    const runs: Run[] = [];
    for (const library of ['sandybridge', 'haswell', 'sse42']) runs.push(await runLibrary(library));
    expect(runs.map(({ kernel }) => kernel)).toEqual(['linux-x64/avx', 'linux-x64/avx2', 'linux-x64/sse42']);
    expect(new Set(runs.map(({ id }) => id)).size).toBe(3);
    expect(new Set(runs.map(({ alone }) => alone.join())).size).toBe(3);
    for (const { alone, together } of runs) expect(together).toEqual(alone);
  });
  test('are refused if the name is unknown', async () => {
    await expect(runLibrary('z80')).rejects.toThrow('This processor cannot run the wanted CPU library of llama.cpp.');
  });
});

test('no library is loaded before an engine is made', () => {
  expect(loadedCpuLibrary()).toBeUndefined();
});
