import { KarmeshError } from '@karmesh/sdk/errors';
import { getLlama, type Llama, LlamaLogLevel } from 'node-llama-cpp';
import { forceCpuLibrary } from './cpuKernel.ts';

export interface LlamaProcessOptions {
  readonly gpu: 'cuda' | 'vulkan' | 'metal' | false;
  /** A CPU library to run instead of the best one; see `forceCpuLibrary`. */
  readonly forceCpuLibrary?: string;
}

/** llama.cpp lives once in a process, so engines share it; the last one out ends it. */
let shared: { readonly llama: Promise<Llama>; readonly gpu: LlamaProcessOptions['gpu']; users: number } | undefined;

/** The process's llama.cpp: prebuilt, nothing built or downloaded, silent. Throws `ENGINE_FAILED`. */
export async function useLlama(options: LlamaProcessOptions): Promise<{ readonly llama: Llama } & AsyncDisposable> {
  if (options.forceCpuLibrary !== undefined) await forceCpuLibrary(options.forceCpuLibrary);
  if (shared !== undefined && shared.gpu !== options.gpu)
    throw new KarmeshError('ENGINE_FAILED', 'This process already runs llama.cpp on other hardware.', {
      gpu: options.gpu,
      loaded: shared.gpu,
    });
  shared ??= {
    llama: getLlama({
      build: 'never',
      gpu: options.gpu,
      progressLogs: false,
      skipDownload: true,
      logLevel: LlamaLogLevel.error,
      logger: () => undefined,
    }),
    gpu: options.gpu,
    users: 0,
  };
  const mine = shared;
  mine.users++;
  const leave = async (): Promise<void> => {
    mine.users--;
    if (mine.users > 0) return;
    if (shared === mine) shared = undefined;
    const llama = await mine.llama.catch(() => undefined);
    await llama?.dispose();
  };
  try {
    const llama = await mine.llama;
    return { llama, [Symbol.asyncDispose]: leave };
  } catch (cause) {
    await leave();
    throw new KarmeshError(
      'ENGINE_FAILED',
      'llama.cpp could not be started on this machine.',
      { gpu: options.gpu },
      cause,
    );
  }
}
