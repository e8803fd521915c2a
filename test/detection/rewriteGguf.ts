import { type GgufTensor, parseGguf } from '../../node/src/models/gguf.ts';

/** A tensor in a file that is rewritten: what the header says of it, and its bytes. */
export interface StoredTensor extends Pick<GgufTensor, 'name' | 'type' | 'elements'> {
  readonly data: Uint8Array;
}

/** What takes a tensor's place. Without `ggmlType` the type stays. */
export interface NewTensor {
  readonly data: Uint8Array;
  /** ggml's number for the type of `data`. */
  readonly ggmlType?: number;
}

/**
 * A copy of a GGUF file with other tensors under the same names and shapes; its metadata stays, but for `general.file_type` where
 * `fileType` is given. Throws `MODEL_INVALID` if the file is none.
 */
export function rewriteGguf(
  file: Uint8Array,
  options: { readonly replace: (tensor: StoredTensor) => NewTensor; readonly fileType?: number },
): Uint8Array {
  const gguf = parseGguf(file, file.length);
  const alignment = Number(gguf.metadata.get('general.alignment')?.value ?? 32);
  const aligned = (length: number): number => Math.ceil(length / alignment) * alignment;
  const replaced = gguf.tensors.map(({ name, type, elements, offset, bytes }) =>
    options.replace({ name, type, elements, data: file.subarray(Number(offset), Number(offset + bytes)) }),
  );
  const headerBytes = gguf.tensors.reduce((least, { offset }) => Math.min(least, Number(offset)), file.length);
  const out = new Uint8Array(headerBytes + replaced.reduce((sum, { data }) => sum + aligned(data.length), 0));
  out.set(file.subarray(0, headerBytes));
  const view = new DataView(out.buffer);
  const fileType = gguf.metadata.get('general.file_type')?.bytes;
  if (options.fileType !== undefined && fileType !== undefined)
    view.setUint32(fileType.byteOffset - file.byteOffset + 4, options.fileType, true);

  // The header: 24 bytes, each metadata key with its length and value, then per tensor name, dimensions, type and offset.
  let at = 24;
  for (const [key, { bytes }] of gguf.metadata) at += 8 + new TextEncoder().encode(key).length + bytes.length;
  let offset = 0;
  for (const { data, ggmlType } of replaced) {
    at += 8 + Number(view.getBigUint64(at, true));
    at += 4 + 8 * view.getUint32(at, true);
    if (ggmlType !== undefined) view.setUint32(at, ggmlType, true);
    view.setBigUint64(at + 4, BigInt(offset), true);
    at += 12;
    out.set(data, headerBytes + offset);
    offset += aligned(data.length);
  }
  return out;
}
