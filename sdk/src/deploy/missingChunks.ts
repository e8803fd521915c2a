/** A part of a program that one transaction writes. */
export interface Chunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The chunks of `program` that a buffer does not hold yet. Chunks of zeros are there from the start. */
export function missingChunks(options: {
  readonly program: Uint8Array;
  readonly written: Uint8Array;
  readonly chunkBytes: number;
}): readonly Chunk[] {
  const { program, written, chunkBytes } = options;
  const chunks: Chunk[] = [];
  for (let offset = 0; offset < program.length; offset += chunkBytes) {
    const bytes = program.subarray(offset, offset + chunkBytes);
    if (bytes.some((byte, i) => byte !== written[offset + i])) chunks.push({ offset, bytes });
  }
  return chunks;
}
