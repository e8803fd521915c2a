import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { KarmeshError } from '../errors.ts';
import { toHex } from '../protocol/index.ts';

/** A built program with its SHA-256 in hexadecimal. */
export interface ProgramFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly hash: string;
}

/** The committed program in a clone of the repository, which a published package does not bring. */
export const COMMITTED_PROGRAM = new URL('../../../programs/karma/karma.so', import.meta.url);

/** Solana's limit of one account. */
const MAX_BYTES = 10 * 2 ** 20;

/** Reads a program and the `.sha256` beside it. Throws `CONFIG_INVALID` if one is not there, `PROGRAM_MISMATCH` if they do not belong together. */
export async function readProgramFile(path: string): Promise<ProgramFile> {
  let bytes: Uint8Array;
  let expected: string;
  try {
    [bytes, expected] = await Promise.all([readFile(path), readFile(`${path}.sha256`, 'utf8')]);
  } catch (cause) {
    const facts = { path, beside: `${path}.sha256`, flag: '--program-file' };
    throw new KarmeshError('CONFIG_INVALID', 'The program, or its hash beside it, cannot be read.', facts, cause);
  }
  const hash = sha256Hex(bytes);
  const [named] = expected.split(/\s/, 1);
  if (named !== hash) {
    throw new KarmeshError('PROGRAM_MISMATCH', 'The program file is not the one that the file beside it names.', {
      path,
      expected: named,
      found: hash,
    });
  }
  if (bytes.length === 0 || bytes.length > MAX_BYTES) {
    throw new KarmeshError('CONFIG_INVALID', 'No program has such a size.', { path, bytes: bytes.length });
  }
  return { path, bytes, hash };
}

export function sha256Hex(bytes: Uint8Array): string {
  return toHex(createHash('sha256').update(bytes).digest());
}
