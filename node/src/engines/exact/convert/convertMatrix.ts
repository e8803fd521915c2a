import type { GgufTensor } from '../../../models/gguf.ts';
import type { ExactMatrix } from '../file/exactFile.ts';
import { GROUP } from './decodeGroups.ts';
import type { GroupMultipliers } from './groupMultipliers.ts';
import type { ModelTarget } from './modelBytes.ts';
import { type ReadParts, type RowBlock, rowBlocks } from './rowBlocks.ts';
import { type RowBounds, withBias } from './rowExponents.ts';
import { tileMultipliers, tileWeights } from './tileWeights.ts';

export interface MatrixJob {
  readonly tensor: GgufTensor;
  readonly place: ExactMatrix;
  readonly multipliers: GroupMultipliers;
  /** T of all rows, for the head; each row has its own unless told. */
  readonly shift?: number;
  /** X-14, for a matrix behind a norm. */
  readonly bounds?: RowBounds;
  /** one for each row. */
  readonly biases?: Int32Array | undefined;
}

/** What X-15 needs to know of a converted matrix. */
export interface MatrixFacts {
  /** e of X-14: the largest of its rows, 0 without bounds. */
  readonly exponent: number;
  /** The smallest T of a row that is not zero, or infinity if all are. */
  readonly leastShift: number;
}

/** reads a matrix and writes its three sections. Holds about a million weights at a time. */
export async function convertMatrix(
  job: MatrixJob,
  parts: ReadParts & { readonly target: Pick<ModelTarget, 'write'> },
): Promise<MatrixFacts> {
  const { place, tensor } = job;
  const { target } = parts;
  const { columns } = place;
  const groupsOfRow = columns / GROUP;
  const shifts = new Int32Array(place.paddedRows).fill(job.shift ?? 0);
  let facts: MatrixFacts = { exponent: 0, leastShift: Number.POSITIVE_INFINITY };
  for await (const block of rowBlocks(tensor, place, parts)) {
    const multipliers = new Int16Array(block.groups.scales.length);
    facts = multiplyRows(block, { job, shifts, multipliers, facts });
    const tiledMultipliers = new Int16Array(multipliers.length);
    tileMultipliers(multipliers, tiledMultipliers, groupsOfRow);
    const tiledWeights = new Int8Array(block.groups.weights.length);
    tileWeights(block.groups.weights, tiledWeights, columns);
    await target.write(place.multipliers.offset + 2 * block.first * groupsOfRow, bytesOf(tiledMultipliers));
    await target.write(place.weights.offset + block.first * columns, bytesOf(tiledWeights));
  }
  await target.write(place.shifts.offset, bytesOf(shifts));
  return facts;
}

/** for the rows of a block. */
function multiplyRows(
  block: RowBlock,
  to: {
    readonly job: MatrixJob;
    readonly shifts: Int32Array;
    readonly multipliers: Int16Array;
    readonly facts: MatrixFacts;
  },
): MatrixFacts {
  const { job, shifts, multipliers } = to;
  const { scales } = block.groups;
  const groupsOfRow = scales.length / block.paddedRows;
  let { exponent, leastShift } = to.facts;
  for (let index = 0; index < block.rows; index++) {
    const start = index * groupsOfRow;
    const row = block.first + index;
    const top = largestScale(scales.subarray(start, start + groupsOfRow));
    const shift = job.shift ?? job.multipliers.shiftOf(top);
    shifts[row] = shift;
    if (top !== 0) leastShift = Math.min(leastShift, shift);
    for (let i = start; i < start + groupsOfRow; i++)
      multipliers[i] = job.multipliers.multiplierOf(scales[i] ?? 0, shift);
    if (job.bounds === undefined) continue;
    const bounded = job.bounds.exponentOf({ groups: block.groups, multipliers, index, shift });
    exponent = Math.max(exponent, withBias(bounded, job.biases?.[row] ?? 0));
  }
  return { exponent, leastShift };
}

/** The bits of the scale of the largest magnitude, without its sign: those of halves are in the order of their values. */
export function largestScale(scales: Uint16Array): number {
  let largest = 0;
  for (let i = 0; i < scales.length; i++) largest = Math.max(largest, (scales[i] ?? 0) & 0x7fff);
  return largest;
}

/** The bytes of a typed array as they lie in memory: little-endian on every machine that runs this. */
export function bytesOf(array: Int32Array | Int16Array | Int8Array | Uint16Array | BigUint64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
