import type { KernelVariant } from '../stages/kernels.ts';

export interface ChosenKernels {
  readonly variant: KernelVariant;
  /** Threads of arithmetic. */
  readonly threads: number;
  readonly module: WebAssembly.Module;
}

export interface KernelParts {
  /** Whether memory can be shared between threads: in a page that is isolated from other origins. */
  readonly canShareMemory: boolean;
  /** The bytes of the committed kernels. */
  readonly read: (variant: KernelVariant) => Promise<Uint8Array<ArrayBuffer>>;
}

/** Whether this page may share memory between its workers. */
export function canShareMemory(): boolean {
  return globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === 'function';
}

/** Compiles the fastest kernels that this browser runs; all give the same bits. Throws what reading throws. */
export async function chooseKernels(wanted: number, { canShareMemory, read }: KernelParts): Promise<ChosenKernels> {
  const variants: readonly KernelVariant[] = wanted > 1 && canShareMemory ? ['threads', 'simd'] : ['simd'];
  for (const variant of variants) {
    const bytes = await read(variant);
    // A browser without vectors refuses them here.
    if (!WebAssembly.validate(bytes)) continue;
    return { variant, threads: variant === 'threads' ? wanted : 1, module: await WebAssembly.compile(bytes) };
  }
  return { variant: 'plain', threads: 1, module: await WebAssembly.compile(await read('plain')) };
}
