import { KarmeshError } from '@karmesh/sdk/errors';
import { MEMORY_PAGES, type Pointer } from './kernels.ts';

/** Hands out a WebAssembly memory from its beginning on; nothing is ever given back but all of it. */
export interface Arena {
  /** Room for so many bytes, zero, at a multiple of 64. Throws `ENGINE_FAILED` if the memory cannot grow that far. */
  take(bytes: number): Pointer;
  bytes(at: Pointer, count: number): Uint8Array<ArrayBuffer>;
  int32(at: Pointer, count: number): Int32Array<ArrayBuffer>;
}

const PAGE = 65_536;

export function arena(memory: WebAssembly.Memory, freeFrom: Pointer): Arena {
  let next = align(freeFrom);
  return {
    take(bytes) {
      const at = next;
      next = align(at + bytes);
      const missing = Math.ceil((next - memory.buffer.byteLength) / PAGE);
      if (missing > 0) grow(memory, missing, next);
      return at;
    },
    // A memory that grows gets a new buffer, so views are made when they are needed.
    bytes: (at, count) => new Uint8Array(memory.buffer, at, count),
    int32: (at, count) => new Int32Array(memory.buffer, at, count),
  };
}

function align(at: number): number {
  return Math.ceil(at / 64) * 64;
}

function grow(memory: WebAssembly.Memory, pages: number, bytes: number): void {
  try {
    memory.grow(pages);
  } catch (cause) {
    throw new KarmeshError(
      'ENGINE_FAILED',
      'There is not enough memory for the model and its context.',
      { bytes, limit: MEMORY_PAGES * PAGE },
      cause,
    );
  }
}
