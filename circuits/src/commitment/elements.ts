const ELEMENT_BYTES = 32;

/** A field element out of its bytes, little-endian. */
export function elementOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
}

/** The 32 bytes of a field element, little-endian. */
export function elementBytes(element: bigint): Uint8Array {
  return Uint8Array.from({ length: ELEMENT_BYTES }, (_, i) => Number((element >> BigInt(8 * i)) & 255n));
}
