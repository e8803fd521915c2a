import { instantiateKernels } from './kernels.ts';
import type { HelperSettings } from './openStages.ts';

/** Prepares a helping thread: one more instance of the kernels on the shared memory. What it resolves to blocks until they are dismissed. */
export async function enterKernels({ module, memory, part, setUp }: HelperSettings): Promise<() => void> {
  const kernels = await instantiateKernels(module, memory);
  kernels.assemble(setUp.record, setUp.threads, setUp.sums, setUp.scratch, setUp.scratchBytes);
  return () => kernels.help(part);
}
