import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { CircuitsError } from '../errors.ts';

/** What a .ptau file, the first phase of a ceremony, says of itself. */
export interface PowersDescription {
  /** It has 2^power powers of tau: circuits of fewer constraints and public signals can begin with it. */
  readonly power: number;
  /** Whether its second phase is prepared, which ends it: nobody contributes any more. */
  readonly isPrepared: boolean;
}

const HEAD_BYTES = 12;
const HEADER_BYTES = 44;
const LAGRANGE_SECTION = 12;
const MOST_SECTIONS = 64;
const MOST_POWER = 28;

/** Reads the frame of a .ptau file over BN254 without its points, of which there may be hundreds of GiB. Throws `FILE_INVALID`. */
export async function inspectPowers(path: string): Promise<PowersDescription> {
  const fail = (fault: string): never => {
    throw new CircuitsError('FILE_INVALID', 'This is not a .ptau file.', { path, fault });
  };
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const read = async (at: number, length: number): Promise<DataView> => {
    const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, at);
    if (bytesRead < length) fail('it ends early');
    return new DataView(buffer.buffer, buffer.byteOffset, length);
  };
  const head = await read(0, HEAD_BYTES);
  if (head.getUint32(0) !== 0x70746175 || head.getUint32(4, true) !== 1) fail('it begins with other bytes');
  const count = head.getUint32(8, true);
  if (count > MOST_SECTIONS) fail('more sections than such a file has');
  const starts = new Map<number, number>();
  let at = HEAD_BYTES;
  for (let i = 0; i < count; i++) {
    const section = await read(at, HEAD_BYTES);
    const length = section.getBigUint64(4, true);
    if (length > BigInt(size - at - HEAD_BYTES)) fail('a section is longer than the file');
    starts.set(section.getUint32(0, true), at + HEAD_BYTES);
    at += HEAD_BYTES + Number(length);
  }
  const header = await read(starts.get(1) ?? fail('it has no header'), HEADER_BYTES);
  const power = header.getUint32(36, true);
  if (header.getUint32(0, true) !== 32 || power > MOST_POWER) fail('another curve than BN254');
  return { power, isPrepared: starts.has(LAGRANGE_SECTION) };
}

/** SHA-256 of a file: what a cluster pins its powers of tau by. */
export async function fileHash(path: string): Promise<Uint8Array> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Uint8Array);
  return hash.digest();
}
