import { KarmeshError } from '@karmesh/sdk/errors';
import type { GgufTensor } from '../../../models/gguf.ts';
import { brainFloat } from './brainFloat.ts';
import { halfValue } from './halfFloat.ts';

/** The values of a vector tensor (norm, bias, frequency divisors) from its bytes, exactly. Throws `MODEL_INVALID` on a type or value that is none. */
export function readFloats(tensor: Pick<GgufTensor, 'name' | 'type'>, bytes: Uint8Array): Float64Array {
  const { name, type } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = READERS.get(type);
  if (read === undefined)
    throw new KarmeshError('MODEL_INVALID', 'The model has a tensor of a type that is not converted.', {
      tensor: name,
      type,
    });
  const [width, valueAt] = read;
  return Float64Array.from({ length: bytes.length / width }, (_, i) => {
    const value = valueAt(view, i * width);
    if (!Number.isFinite(value))
      throw new KarmeshError('MODEL_INVALID', 'The model has a weight that is not a number, or too large.', {
        tensor: name,
        weight: value,
      });
    return value;
  });
}

type Reader = readonly [width: number, valueAt: (view: DataView, at: number) => number];

/** Whether `readFloats` reads a tensor type. */
export function isFloatType(type: string): boolean {
  return READERS.has(type);
}

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['F32', [4, (view, at) => view.getFloat32(at, true)]],
  ['F16', [2, (view, at) => halfValue(view.getUint16(at, true))]],
  ['BF16', [2, (view, at) => brainFloat(view.getUint16(at, true))]],
]);
