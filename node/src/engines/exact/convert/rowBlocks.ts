import { KarmeshError } from '@karmesh/sdk/errors';
import type { GgufTensor } from '../../../models/gguf.ts';
import { GROUP, type Groups, groupDecoder } from './decodeGroups.ts';
import { type ModelSource, refuseAborted } from './modelBytes.ts';
import { TILE_ROWS } from './tileWeights.ts';

/** Some rows of a matrix. They are valid until the next block is asked for. */
export interface RowBlock {
  /** The first row's place in the matrix, a multiple of 8. */
  readonly first: number;
  readonly rows: number;
  /** `rows` and, behind the matrix's last one, rows of zeros up to a multiple of 8. */
  readonly paddedRows: number;
  readonly groups: Groups;
}

export interface ReadParts {
  readonly source: ModelSource;
  readonly signal: AbortSignal | undefined;
  /** Told how many bytes of the source were worked off. */
  readonly advance: (bytes: number) => void;
}

/** Weights that are held at once, unless eight rows have more. */
const BLOCK_WEIGHTS = 1 << 20;

/** Reads a matrix in blocks of whole rows, top to bottom, while the one before is worked on. Throws `MODEL_INVALID`, `ABORTED`. */
export async function* rowBlocks(
  tensor: GgufTensor,
  size: { readonly rows: number; readonly columns: number },
  { source, signal, advance }: ReadParts,
): AsyncGenerator<RowBlock> {
  const { rows, columns } = size;
  const decoder = groupDecoder(tensor.type);
  if (decoder === undefined) throw new Error('The type of the tensor was not checked.');
  const tiles = Math.max(1, Math.floor(BLOCK_WEIGHTS / (TILE_ROWS * columns)));
  const most = Math.min(tiles * TILE_ROWS, Math.ceil(rows / TILE_ROWS) * TILE_ROWS);
  const rowBytes = (columns / GROUP) * decoder.groupBytes;
  const weights = new Int8Array(most * columns);
  const scales = new Uint16Array((most * columns) / GROUP);
  const buffers = [new Uint8Array(most * rowBytes), new Uint8Array(most * rowBytes)] as const;
  const read = (first: number): Promise<Uint8Array> => {
    const buffer = buffers[(first / most) % 2 === 0 ? 0 : 1];
    const bytes = buffer.subarray(0, Math.max(0, Math.min(most, rows - first)) * rowBytes);
    const filled = source.read(Number(tensor.offset) + first * rowBytes, bytes).then(() => bytes);
    // The failure is met where the block is awaited; until then it belongs to nobody.
    filled.catch(() => undefined);
    return filled;
  };
  let next = read(0);
  for (let first = 0; first < rows; first += most) {
    refuseAborted(signal);
    const bytes = await next;
    next = read(first + most);
    const count = bytes.length / rowBytes;
    const paddedRows = Math.ceil(count / TILE_ROWS) * TILE_ROWS;
    try {
      decoder.decode(bytes, {
        weights: weights.subarray(0, count * columns),
        scales: scales.subarray(0, (count * columns) / GROUP),
      });
    } catch (cause) {
      if (!(cause instanceof KarmeshError)) throw cause;
      throw new KarmeshError(cause.code, cause.message, { ...cause.facts, tensor: tensor.name }, cause);
    }
    weights.fill(0, count * columns, paddedRows * columns);
    scales.fill(0, (count * columns) / GROUP, (paddedRows * columns) / GROUP);
    yield {
      first,
      rows: count,
      paddedRows,
      groups: {
        weights: weights.subarray(0, paddedRows * columns),
        scales: scales.subarray(0, (paddedRows * columns) / GROUP),
      },
    };
    advance(bytes.length);
  }
  await next;
}
