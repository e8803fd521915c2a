import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';

/**
 * llama.cpp carries one library per CPU family and loads the best that the processor can run. Libraries with one name here gave
 * bit-equal logits in 960 decoded tokens of the bundled model in Q8_0 and in F16, on one processor that runs them all; the names
 * differ from each other, and so does ivybridge, which gave other traces than sandybridge in 16 of 120 answers. Other weights use other instructions, so there every library is a kernel of its own.
 */
const EQUAL_LIBRARIES: Readonly<Record<string, string>> = {
  skylakex: 'avx512',
  cannonlake: 'avx512',
  cascadelake: 'avx512',
  cooperlake: 'avx512',
  icelake: 'avx512',
  zen4: 'avx512',
  haswell: 'avx2',
  alderlake: 'avx2',
  sandybridge: 'avx',
};

const MEASURED_WEIGHTS: ReadonlySet<string> = new Set(['Q8_0', 'F16', 'F32']);

/**
 * Kernels whose results with Q8_0 weights do not depend on what else is in a batch, measured as above with requests coming and
 * going. `avx` and `piledriver` fail it, and with F16 weights almost all do.
 */
const BATCH_NEUTRAL: ReadonlySet<string> = new Set(['avx512', 'avx2', 'sse42', 'x64']);

const LIBRARY_NAME = /^(?:lib)?ggml-cpu-([a-z0-9_]+)\.(?:so|dll|dylib)$/;

export interface CpuKernel {
  /** The library that runs, for example `zen4`; undefined where llama.cpp has only one for the platform. */
  readonly library: string | undefined;
  /** What goes into the engine class: equal names mean equal bits. */
  readonly name: string;
  /** Whether several requests may share one batch without changing each other's bits. */
  readonly batchNeutral: boolean;
}

/** Which kernel a library is for a model whose weights have these types. */
export function cpuKernelOf(library: string | undefined, weightTypes: readonly string[]): CpuKernel {
  const place = `${process.platform}-${process.arch}`;
  if (library === undefined) return { library, name: place, batchNeutral: false };
  const isMeasured = weightTypes.every((type) => MEASURED_WEIGHTS.has(type));
  const family = isMeasured ? (EQUAL_LIBRARIES[library] ?? library) : library;
  const batchNeutral = isMeasured && !weightTypes.includes('F16') && BATCH_NEUTRAL.has(family);
  return { library, name: `${place}/${family}`, batchNeutral };
}

/** The CPU library that this process has loaded, read from the process's own list of shared objects. */
export function loadedCpuLibrary(): string | undefined {
  // Without this the report resolves the names of open connections, which can take seconds.
  Object.assign(process.report, { excludeNetwork: true });
  const report: unknown = process.report.getReport();
  if (typeof report !== 'object' || report === null || !('sharedObjects' in report)) return undefined;
  if (!Array.isArray(report.sharedObjects)) return undefined;
  for (const path of report.sharedObjects) {
    const found = typeof path === 'string' ? LIBRARY_NAME.exec(basename(path))?.[1] : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

interface LlamaBindings {
  setLogger(logger: (level: number, message: string) => void): void;
  loadBackends(folder: string): void;
}

function hasBackends(value: unknown): value is LlamaBindings {
  return typeof value === 'object' && value !== null && 'loadBackends' in value && 'setLogger' in value;
}

/**
 * Loads one CPU library before llama.cpp chooses, so that a test can run other processors' arithmetic on this one. It works once per
 * process and for libraries that the processor can run; `sandybridge`, `haswell` and `zen4` give three classes on a machine with
 * AVX-512. Throws `ENGINE_FAILED` otherwise.
 */
export async function forceCpuLibrary(library: string): Promise<void> {
  const loaded = loadedCpuLibrary();
  if (loaded === library) return;
  if (loaded !== undefined)
    throw new KarmeshError('ENGINE_FAILED', 'This process already runs another CPU library of llama.cpp.', {
      wanted: library,
      loaded,
    });
  const require = createRequire(createRequire(import.meta.url).resolve('node-llama-cpp'));
  const folder = `${process.platform}-${process.arch}`;
  let addon: string;
  try {
    addon = join(dirname(require.resolve(`@node-llama-cpp/${folder}`)), '..', 'bins', folder, 'llama-addon.node');
  } catch (cause) {
    throw new KarmeshError('ENGINE_FAILED', 'This platform has no prebuilt llama.cpp.', { platform: folder }, cause);
  }
  const bindings: unknown = require(addon);
  if (!hasBackends(bindings))
    throw new KarmeshError('ENGINE_FAILED', 'The llama.cpp addon has another shape.', { addon });
  bindings.setLogger(() => undefined);
  const extension = process.platform === 'win32' ? 'dll' : process.platform === 'darwin' ? 'dylib' : 'so';
  const name = `libggml-cpu-${library}.${extension}`;
  const only = await mkdtemp(join(tmpdir(), 'karmesh-cpu-'));
  try {
    await symlink(join(dirname(addon), name), join(only, name));
    bindings.loadBackends(only);
  } finally {
    await rm(only, { recursive: true });
  }
  if (loadedCpuLibrary() !== library)
    throw new KarmeshError('ENGINE_FAILED', 'This processor cannot run the wanted CPU library of llama.cpp.', {
      wanted: library,
    });
}
