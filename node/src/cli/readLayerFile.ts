import { readFile } from 'node:fs/promises';
import type { Shape, Weights } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { z } from 'zod';

const count = z
  .int()
  .min(1)
  .max(1 << 20);
const bits = z.int().min(2).max(32);
const shift = z.int().min(1).max(100);
const matrix = { rows: count, columns: count, inputBits: bits, shift };

const layerFile = z.strictObject({
  shape: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('linear'), ...matrix, outputBits: bits }),
    z.strictObject({ kind: z.literal('residual'), ...matrix }),
  ]),
  /** Rows of as many weights as there are columns. */
  weights: z.array(z.array(z.int())),
  bias: z.array(z.int()).optional(),
});

/** A layer that is no model's, as a file has it: its shape and its weights in JSON. Throws `CEREMONY_REFUSED`. */
export async function readLayerFile(path: string): Promise<{ readonly shape: Shape; readonly weights: Weights }> {
  const refuse = (fault: string, cause?: unknown): never => {
    throw new KarmeshError('CEREMONY_REFUSED', 'The layer file cannot be read.', { path, fault }, cause);
  };
  const text = await readFile(path, 'utf8').catch((cause: Error) => refuse(cause.message, cause));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    refuse('it is no JSON', cause);
  }
  const parsed = layerFile.safeParse(json);
  if (!parsed.success) return refuse(z.prettifyError(parsed.error).split('\n').slice(0, 4).join(' '), parsed.error);
  const { shape, weights: matrixRows, bias } = parsed.data;
  const { rows, columns } = shape;
  if (matrixRows.length !== rows || matrixRows.some((row) => row.length !== columns))
    refuse('its weights have another shape');
  if (bias !== undefined && bias.length !== rows) refuse('its bias has another length');
  return {
    shape,
    weights: {
      rows,
      columns,
      row: (index) => matrixRows[index] ?? [],
      ...(bias === undefined ? {} : { bias: (index) => bias[index] ?? 0 }),
    },
  };
}
