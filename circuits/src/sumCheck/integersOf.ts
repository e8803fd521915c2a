import { CircuitsError } from '../errors.ts';

/** The entries of a row. Throws `BAD_INPUT` unless they are as many as `columns`, and integers below 2^53. */
export function integersOf(row: ArrayLike<number>, columns: number): Float64Array {
  if (row.length !== columns)
    throw new CircuitsError('BAD_INPUT', 'A row of a matrix has as many entries as columns.', { entries: row.length });
  const values = new Float64Array(columns);
  values.set(row);
  for (let j = 0; j < columns; j++)
    if (!Number.isSafeInteger(values[j]))
      throw new CircuitsError('BAD_INPUT', 'A weight is an integer below 2^53.', { weight: values[j] ?? 0 });
  return values;
}
