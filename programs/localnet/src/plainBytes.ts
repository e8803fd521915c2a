/** The same bytes without `Buffer`'s methods, of which `slice` shares memory where a caller expects a copy. */
export function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
