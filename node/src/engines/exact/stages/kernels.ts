import { KarmeshError } from '@karmesh/sdk/errors';

/** An address in the kernels' memory, in bytes. */
export type Pointer = number;

/** The exports of `node/kernels`; their sources say what each computes and which rule of docs/exact-arithmetic.md it follows. */
export interface Kernels {
  freeFrom(): Pointer;
  assemble(record: Pointer, threads: number, sums: Pointer, scratch: Pointer, scratchBytes: number): void;
  help(part: number): void;
  dismiss(): void;
  embed(q: Pointer, scales: Pointer, token: number, columns: number, out: Pointer): void;
  norm(x: Pointer, w: Pointer, y: Pointer, count: number, eps: bigint, shift: number, max: number): void;
  pack(x: Pointer, stride: number, tokens: number, columns: number, limbs: number, out: Pointer): void;
  linear(matrix: Pointer, tokens: number, x: Pointer, out: Pointer, stride: number): void;
  angles(frequencies: Pointer, position: number, pairs: number, out: Pointer): void;
  rotate(
    y: Pointer,
    heads: number,
    size: number,
    halves: number,
    angles: Pointer,
    shift: number,
    max: number,
    wide: number,
    out: Pointer,
  ): void;
  narrowTo(y: Pointer, count: number, wide: number, out: Pointer): void;
  attend(
    q: Pointer,
    keys: Pointer,
    values: Pointer,
    stride: number,
    count: number,
    heads: number,
    group: number,
    size: number,
    shift: number,
    wide: number,
    out: Pointer,
  ): void;
  gated(g: Pointer, u: Pointer, h: Pointer, count: number, inShift: number, outShift: number, max: number): void;
  top(logits: Pointer, count: number, wanted: number, out: Pointer): number;
  noise(first: number, then: number): number;
  scaled(logit: number, temperatureMicro: number): number;
}

/** With vectors; with vectors on a memory that threads share; with neither, for a browser that lacks both. All give the same bits. */
export type KernelVariant = 'simd' | 'threads' | 'plain';

/** The most that WebAssembly addresses with 32 bits, in pages of 64 KiB. */
export const MEMORY_PAGES = 65_536;

/** Instantiates compiled kernels on a memory. Throws `ENGINE_FAILED` if they are other ones. */
export async function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Kernels> {
  const imports = { env: { memory, abort: stop } };
  let exports: WebAssembly.Exports;
  try {
    ({ exports } = await WebAssembly.instantiate(module, imports));
  } catch (cause) {
    throw new KarmeshError('ENGINE_FAILED', 'The kernels of the exact engine do not fit this engine.', {}, cause);
  }
  // The files are ours, built from node/kernels and pinned by hash.
  return exports as unknown as Kernels;
}

function stop(): never {
  throw new KarmeshError('ENGINE_FAILED', 'A kernel of the exact engine stopped.');
}
