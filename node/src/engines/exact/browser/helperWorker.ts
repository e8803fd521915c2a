import { enterKernels } from '../stages/enterKernels.ts';
import type { HelperSettings } from '../stages/openStages.ts';

/** A helping thread of the exact engine in a page: says `ready`, is in the kernels' loop until dismissed, and says `ended`. */
globalThis.onmessage = async ({ data }: MessageEvent<HelperSettings>): Promise<void> => {
  const help = await enterKernels(data);
  globalThis.postMessage('ready');
  help();
  globalThis.postMessage('ended');
};
