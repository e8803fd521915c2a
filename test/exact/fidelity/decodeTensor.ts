import { GROUP, groupDecoder } from '../../../node/src/engines/exact/convert/decodeGroups.ts';
import { halfValue } from '../../../node/src/engines/exact/convert/halfFloat.ts';
import { readFloats } from '../../../node/src/engines/exact/convert/readFloats.ts';
import type { GgufTensor } from '../../../node/src/models/gguf.ts';

/** A vector of a GGUF file. */
export function decodeFloats(file: Uint8Array, tensor: GgufTensor): Float64Array {
  return readFloats(tensor, bytesOf(file, tensor));
}

/** A matrix of a GGUF file, dequantised, row by row. */
export function decodeGroups(file: Uint8Array, tensor: GgufTensor): Float32Array {
  const decoder = groupDecoder(tensor.type);
  if (decoder === undefined) throw new RangeError(`Tensors of the type ${tensor.type} are not read.`);
  const length = Number(tensor.elements);
  const weights = new Int8Array(length);
  const scales = new Uint16Array(length / GROUP);
  decoder.decode(bytesOf(file, tensor), { weights, scales });
  return Float32Array.from(weights, (weight, i) => weight * halfValue(scales[Math.floor(i / GROUP)] ?? 0));
}

/** A copy, which begins where a decoder wants its numbers to. */
function bytesOf(file: Uint8Array, { offset, bytes }: GgufTensor): Uint8Array {
  return file.slice(Number(offset), Number(offset + bytes));
}
