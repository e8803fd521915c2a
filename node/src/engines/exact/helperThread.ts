import { parentPort, workerData } from 'node:worker_threads';
import { instantiateKernels } from './kernels.ts';
import type { Assembly } from './stage.ts';

/** A helping thread of the exact engine: one instance of the kernels on the shared memory, in their loop until dismissed. */
const { module, memory, part, setUp } = workerData as {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly part: number;
  readonly setUp: Assembly;
};
const kernels = await instantiateKernels(module, memory);
kernels.assemble(setUp.record, setUp.threads, setUp.sums, setUp.scratch, setUp.scratchBytes);
parentPort?.postMessage('ready');
kernels.help(part);
