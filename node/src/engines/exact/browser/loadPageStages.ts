import { KarmeshError } from '@karmesh/sdk/errors';
import type { KernelVariant } from '../stages/kernels.ts';
import { type HelperSettings, type LoadedStages, openStages } from '../stages/openStages.ts';
import { canShareMemory, chooseKernels } from './chooseKernels.ts';
import { fetchModel } from './fetchModel.ts';
import type { PageSettings } from './pageSettings.ts';
import { piecesSource } from './piecesSource.ts';

/** Each named as a whole, so that a bundler finds it. */
const KERNELS: Readonly<Record<KernelVariant, URL>> = {
  simd: new URL('../../../../wasm/simd.wasm', import.meta.url),
  threads: new URL('../../../../wasm/threads.wasm', import.meta.url),
  plain: new URL('../../../../wasm/plain.wasm', import.meta.url),
};

/**
 * Loads a converted model from its address into WebAssembly memory, in a worker of a page, with the fastest kernels that the browser runs and with as many of the
 * wanted threads as it allows. Throws what `fetchModel` and `openStages` throw.
 */
export async function loadPageStages(
  settings: PageSettings,
): Promise<{ readonly loaded: LoadedStages; readonly kernels: KernelVariant }> {
  const { variant, threads, module } = await chooseKernels(settings.threads, {
    canShareMemory: canShareMemory(),
    read: readKernels,
  });
  const { modelUrl, expected, contextSize, sequences, batch } = settings;
  const options = { contextSize, sequences, batch, threads };
  const source = piecesSource(await fetchModel(modelUrl, expected, { fetch: globalThis.fetch }), options);
  return { loaded: await openStages(options, { source, module, startHelper }), kernels: variant };
}

async function readKernels(variant: KernelVariant): Promise<Uint8Array<ArrayBuffer>> {
  const url = KERNELS[variant];
  const response = await fetch(url);
  if (!response.ok)
    throw new KarmeshError('PEER_UNREACHABLE', 'The kernels could not be fetched.', {
      url: url.href,
      status: response.status,
    });
  return new Uint8Array(await response.arrayBuffer());
}

/** A worker that does its part of every job until the kernels are dismissed. */
async function startHelper(settings: HelperSettings): Promise<AsyncDisposable> {
  const worker = new Worker(new URL('./helperWorker.ts', import.meta.url), { type: 'module' });
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  worker.onmessage = ({ data }: MessageEvent<'ready' | 'ended'>) => (data === 'ready' ? ready : ended).resolve();
  worker.onerror = ({ message }) => {
    ended.resolve();
    ready.reject(new KarmeshError('ENGINE_FAILED', 'A helping thread of the exact engine broke.', { what: message }));
  };
  worker.postMessage(settings);
  await ready.promise;
  return {
    async [Symbol.asyncDispose]() {
      await ended.promise;
      worker.terminate();
    },
  };
}
