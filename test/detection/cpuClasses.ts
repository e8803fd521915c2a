import { KarmeshError } from '@karmesh/sdk/errors';
import { type EngineProcess, startEngineProcess } from './engineProcess.ts';

/**
 * CPU libraries of llama.cpp by engine class, best first. One processor can run the libraries of older ones, so a machine emulates
 * several classes; two libraries of one class are two builds that must agree to the bit.
 */
const FAMILIES: readonly (readonly string[])[] = [
  ['zen4', 'skylakex', 'icelake'],
  ['haswell', 'alderlake'],
  ['sandybridge'],
  ['sse42'],
  ['x64'],
];

/** One engine class on this machine, with engines that ran as replicas of it. */
export interface CpuClass {
  /** The kernel's name in the engine class, for example `linux-x64/avx512`. */
  readonly kernel: string;
  /** The library of the first replica. */
  readonly library: string;
  readonly replicas: readonly EngineProcess[];
}

/** Classes that run, until they are disposed. */
export interface CpuClasses extends AsyncDisposable {
  readonly classes: readonly CpuClass[];
}

/**
 * Starts `replicas` engines for each of the first `count` classes that this processor can run, each in a process of its own. A class
 * with one library runs it in every replica. There are fewer classes where the processor runs fewer, and none off x86-64.
 */
export async function startCpuClasses(options: {
  readonly modelPath: string;
  readonly count: number;
  readonly replicas: number;
  readonly signal?: AbortSignal;
}): Promise<CpuClasses> {
  await using stack = new AsyncDisposableStack();
  const classes: CpuClass[] = [];
  const control = options.signal === undefined ? {} : { signal: options.signal };
  const start = async (library: string): Promise<EngineProcess | undefined> => {
    try {
      return stack.use(await startEngineProcess({ modelPath: options.modelPath, forceCpuLibrary: library }, control));
    } catch (error) {
      // The processor cannot run this library, or llama.cpp has none for it.
      if (error instanceof KarmeshError && error.code === 'ENGINE_FAILED') return undefined;
      throw error;
    }
  };
  for (const family of FAMILIES) {
    if (classes.length === options.count) break;
    const running: { readonly library: string; readonly engine: EngineProcess }[] = [];
    for (const library of family) {
      if (running.length === options.replicas) break;
      const engine = await start(library);
      if (engine !== undefined) running.push({ library, engine });
    }
    const [first] = running;
    if (first === undefined) continue;
    while (running.length < options.replicas) {
      const engine = await start(first.library);
      if (engine === undefined) throw new KarmeshError('ENGINE_FAILED', 'An engine started once and not again.');
      running.push({ library: first.library, engine });
    }
    classes.push({
      kernel: first.engine.description.engineClass.cpuKernel,
      library: first.library,
      replicas: running.map(({ engine }) => engine),
    });
  }
  const parts = stack.move();
  return { classes, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}
