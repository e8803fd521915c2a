import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type LinearMatrix,
  type OpenedLayer,
  operatorInputs,
  type TensorPlace,
  type TraceModel,
} from '@karmesh/sdk/protocol';
import type { OperatorCircuits } from './operatorCircuits.ts';
import type { ProvableRun } from './prepareOperator.ts';

/**
 * Opens a linear operator of a run for `checkOpenedLayer`: its matrix as circuits have it (Z-11), what it reads and gives, and its sums (Z-63). Throws `BAD_ARGUMENT` for an operator that is not
 * v, gate, up or a residual: norms have no matrix, and rotations go on with their sums.
 */
export async function openLayer(
  run: ProvableRun,
  place: TensorPlace,
  { circuits, traceModel }: { readonly circuits: OperatorCircuits; readonly traceModel: TraceModel },
): Promise<{ readonly matrix: LinearMatrix; readonly opened: OpenedLayer }> {
  const { shape, weights: matrix, reads } = await circuits.of(place, { positions: 1 });
  if (matrix === undefined || (shape.kind !== 'linear' && shape.kind !== 'residual'))
    throw new KarmeshError('BAD_ARGUMENT', 'This operator is not opened as a linear layer.', { name: place.name });
  const inputs = operatorInputs(place, traceModel.layers);
  const tensor = (name: string): Int32Array => {
    const of = inputs[reads.indexOf(name)];
    if (of === undefined) throw new KarmeshError('BAD_ARGUMENT', 'The operator does not read this.', { name });
    return run.tensor(of);
  };
  const x = tensor('x');
  return {
    matrix,
    opened: {
      x,
      sums: sumsOf(matrix, x),
      y: run.tensor(place),
      shift: shape.shift,
      bits: shape.kind === 'residual' ? 32 : shape.outputBits,
      ...(shape.kind === 'residual' ? { residual: tensor('r') } : {}),
    },
  };
}

/** W x + b */
function sumsOf({ rows, columns, row, bias }: LinearMatrix, x: Int32Array): readonly bigint[] {
  return Array.from({ length: rows }, (_, i) => {
    const entries = row(i);
    let sum = BigInt(bias?.(i) ?? 0);
    for (let j = 0; j < columns; j++) sum += BigInt(entries[j] ?? 0) * BigInt(x[j] ?? 0);
    return sum;
  });
}
