import { parentPort, workerData } from 'node:worker_threads';
import { enterKernels } from './enterKernels.ts';
import type { HelperSettings } from './openStages.ts';

/** A helping thread of the exact engine: in the kernels' loop until dismissed. */
const help = await enterKernels(workerData as HelperSettings);
parentPort?.postMessage('ready');
help();
