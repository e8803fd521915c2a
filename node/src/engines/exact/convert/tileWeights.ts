/** rows of a tile. */
export const TILE_ROWS = 8;

/** weights row by row to the order [rows/8][columns/2][8 rows][2 columns]. Rows are a multiple of 8, columns of 32. */
export function tileWeights(rows: Int8Array, into: Int8Array, columns: number): void {
  // Two columns move as one 16-bit number.
  const from = new Uint16Array(rows.buffer, rows.byteOffset, rows.length / 2);
  const to = new Uint16Array(into.buffer, into.byteOffset, into.length / 2);
  const pairs = columns / 2;
  let at = 0;
  for (let tile = 0; tile < from.length; tile += TILE_ROWS * pairs)
    for (let first = tile; first < tile + pairs; first++)
      for (let place = first; place < tile + TILE_ROWS * pairs; place += pairs) to[at++] = from[place] ?? 0;
}

/** multipliers row by row to the order [rows/8][columns/32][8 rows]. */
export function tileMultipliers(rows: Int16Array, into: Int16Array, groups: number): void {
  let at = 0;
  for (let tile = 0; tile < rows.length; tile += TILE_ROWS * groups)
    for (let first = tile; first < tile + groups; first++)
      for (let place = first; place < tile + TILE_ROWS * groups; place += groups) into[at++] = rows[place] ?? 0;
}
