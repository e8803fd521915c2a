import type { ExactMatrix, ExactSection } from './exactFile.ts';
import type { ExactModel } from './exactModel.ts';

/** Parts of a converted model as they are read, for who computes without the kernels. */

/** A matrix as a converted model stores it. */
export interface MatrixData {
  readonly rows: number;
  readonly columns: number;
  /** T for each row. */
  readonly shifts: Int32Array;
  /** [rows/8][columns/32][8 rows] */
  readonly multipliers: Int16Array;
  /** [rows/8][columns/2][8 rows][2 columns] */
  readonly weights: Int8Array;
}

/** q of a row and column. */
export function weightAt(
  weights: Int8Array,
  at: { readonly tile: number; readonly inTile: number; readonly columns: number; readonly column: number },
): number {
  return weights[at.tile * 8 * at.columns + (at.column >> 1) * 16 + at.inTile * 2 + (at.column & 1)] ?? 0;
}

export async function sectionBytes(model: ExactModel, section: ExactSection): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(section.bytes);
  await model.readSection(section, bytes);
  return bytes;
}

export async function readInt32(model: ExactModel, section: ExactSection): Promise<Int32Array> {
  return new Int32Array((await sectionBytes(model, section)).buffer);
}

export async function matrixData(model: ExactModel, matrix: ExactMatrix): Promise<MatrixData> {
  return {
    rows: matrix.rows,
    columns: matrix.columns,
    shifts: await readInt32(model, matrix.shifts),
    multipliers: new Int16Array((await sectionBytes(model, matrix.multipliers)).buffer),
    weights: new Int8Array((await sectionBytes(model, matrix.weights)).buffer),
  };
}

export async function frequenciesOf(model: ExactModel): Promise<readonly bigint[]> {
  return Array.from(new BigUint64Array((await sectionBytes(model, model.layout.frequencies)).buffer));
}

/** Fn of the last norm. */
export async function finalFormatOf(model: ExactModel): Promise<number> {
  return (await readInt32(model, model.layout.finalFormat))[0] ?? 0;
}
