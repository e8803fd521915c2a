const SIGNAL_BYTES = 32;

/** Public signals of 32 bytes each, big-endian. */
export function signalsOf(bytes: Uint8Array): readonly bigint[] {
  return Array.from({ length: bytes.length / SIGNAL_BYTES }, (_, i) =>
    bytes.subarray(i * SIGNAL_BYTES, (i + 1) * SIGNAL_BYTES).reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n),
  );
}
