import { arena } from '../../../node/src/engines/exact/stages/arena.ts';
import type { Kernels } from '../../../node/src/engines/exact/stages/kernels.ts';

const RECORD_WORDS = 11;
const INT32_MAX = 2 ** 31 - 1;

/** Puts a matrix of no meaning into a memory; the result multiplies one packed vector of one limb or two by it. */
export function matrixInMemory(
  { memory, kernels }: { readonly memory: WebAssembly.Memory; readonly kernels: Kernels },
  { rows, columns }: { readonly rows: number; readonly columns: number },
): (limbs: 1 | 2) => void {
  const room = arena(memory, kernels.freeFrom());
  const weights = room.take(rows * columns);
  const multiplierBytes = (rows * columns) / 16;
  const multipliers = room.take(multiplierBytes);
  const shifts = room.take(4 * rows);
  const input = room.take(4 * columns);
  const packed = room.take(4 * columns);
  const out = room.take(4 * rows);
  room.bytes(weights, rows * columns).fill(85);
  room.bytes(multipliers, multiplierBytes).fill(7);
  room.int32(shifts, rows).fill(24);
  room.int32(input, columns).fill(12_345);
  kernels.assemble(room.take(64), 1, room.take(256), 0, 0);
  const record = (limbs: number): number => {
    const at = room.take(4 * RECORD_WORDS);
    room.int32(at, RECORD_WORDS).set([weights, multipliers, shifts, rows / 8, columns, 0, INT32_MAX, 0, 0, 0, limbs]);
    return at;
  };
  const records = { 1: record(1), 2: record(2) } as const;
  return (limbs) => {
    kernels.pack(input, 4 * columns, 1, columns, limbs, packed);
    kernels.linear(records[limbs], 1, packed, out, 4 * rows);
  };
}
