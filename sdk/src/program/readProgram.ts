import type { Connection } from '@solana/web3.js';
import { KarmeshError } from '../errors.ts';
import { equalBytes, toHex } from '../protocol/bytes.ts';
import { hash } from '../protocol/hash.ts';
import { type Address, SYSTEM_PROGRAM, toBase58 } from './address.ts';
import { toPublicKey } from './publicKey.ts';
import { rpcRequest } from './rpc.ts';

/** Loaders that keep a program's file in the program's own account. */
const PLAIN_LOADERS = ['BPFLoader1111111111111111111111111111111111', 'BPFLoader2111111111111111111111111111111111'];
const UPGRADEABLE_LOADER = 'BPFLoaderUpgradeab1e11111111111111111111111';
// Of the upgradeable loader: a u32 that says what an account is, then its fields.
const PROGRAM_TAG = 2;
const PROGRAM_DATA_TAG = 3;
const PROGRAM_BYTES = 36;
/** Tag, slot of the deployment, whether there is an authority, and the authority. */
const PROGRAM_DATA_HEADER = 45;

/** A program as the cluster holds it. */
export interface DeployedProgram {
  /** SHA-256 of its ELF file in hexadecimal digits, as `sha256sum` of the file that was deployed. */
  readonly sha256: string;
  /** Who may replace it; undefined if nobody can. */
  readonly upgradeAuthority: Address | undefined;
}

/**
 * Reads what code a cluster runs at an address.
 *
 * @throws KarmeshError `PROGRAM_MISMATCH` if there is no program or its loader is not known here, `RPC_UNREACHABLE`, `RPC_FAILED`.
 */
export async function readProgram(
  connection: Connection,
  { programId, signal }: { readonly programId: Address; readonly signal: AbortSignal },
): Promise<DeployedProgram> {
  const read = (address: Address) =>
    rpcRequest(connection, 'getAccountInfo', { signal }, () =>
      connection.getAccountInfo(toPublicKey(address), 'confirmed'),
    );
  const account = await read(programId);
  const facts = { programId: toBase58(programId) };
  if (account === null)
    throw new KarmeshError('PROGRAM_MISMATCH', 'There is no program at this address of the cluster.', facts);
  const loader = account.owner.toBase58();
  if (PLAIN_LOADERS.includes(loader)) return { sha256: elfHash(account.data), upgradeAuthority: undefined };
  const isProgram = loader === UPGRADEABLE_LOADER && account.data.length >= PROGRAM_BYTES;
  if (!isProgram || account.data.readUInt32LE(0) !== PROGRAM_TAG)
    throw new KarmeshError('PROGRAM_MISMATCH', 'What is at this address is not a program of a loader known here.', {
      ...facts,
      loader,
    });
  const data = await read(account.data.subarray(4, PROGRAM_BYTES));
  const isData = data !== null && data.owner.toBase58() === UPGRADEABLE_LOADER;
  if (!isData || data.data.length < PROGRAM_DATA_HEADER || data.data.readUInt32LE(0) !== PROGRAM_DATA_TAG)
    throw new KarmeshError('PROGRAM_MISMATCH', 'The program at this address was closed.', facts);
  const authority = data.data.subarray(13, PROGRAM_DATA_HEADER);
  // Loaders have written both: no authority, and the address that nobody has a key of.
  const hasAuthority = data.data[12] === 1 && !equalBytes(authority, SYSTEM_PROGRAM);
  return {
    sha256: elfHash(data.data.subarray(PROGRAM_DATA_HEADER)),
    upgradeAuthority: hasAuthority ? new Uint8Array(authority) : undefined,
  };
}

/** The hash of an ELF file that may stand before zeros: an account is often made larger than the program, so that it can grow. */
export function elfHash(bytes: Uint8Array): string {
  return toHex(hash(bytes.subarray(0, elfEnd(bytes))));
}

/** Where the file ends: behind its segments and its table of sections, which version 3 of the format has none of, if only zeros follow. */
function elfEnd(bytes: Uint8Array): number {
  if (bytes.length < 64) return bytes.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = (at: number, sizes: number) => ({
    start: view.getBigUint64(at, true),
    entry: BigInt(view.getUint16(sizes, true)),
    count: BigInt(view.getUint16(sizes + 2, true)),
  });
  const sections = table(40, 58);
  const segments = table(32, 54);
  let end = sections.start + sections.entry * sections.count;
  for (let i = 0n; i < segments.count; i++) {
    const at = segments.start + i * segments.entry;
    if (at + 40n > BigInt(bytes.length)) return bytes.length;
    const segmentEnd = view.getBigUint64(Number(at) + 8, true) + view.getBigUint64(Number(at) + 32, true);
    if (segmentEnd > end) end = segmentEnd;
  }
  if (end > BigInt(bytes.length)) return bytes.length;
  return bytes.subarray(Number(end)).every((byte) => byte === 0) ? Number(end) : bytes.length;
}

/** @throws KarmeshError `PROGRAM_MISMATCH` unless the cluster runs the program with this hash. */
export function checkProgramHash(
  found: DeployedProgram,
  { expected, programId }: { readonly expected: string; readonly programId: Address },
): void {
  if (found.sha256 === expected) return;
  throw new KarmeshError('PROGRAM_MISMATCH', 'The cluster runs another build of the karma program than this release.', {
    programId: toBase58(programId),
    expected,
    found: found.sha256,
    retry: 'with the release that the cluster runs, or with --program-hash once you have checked that build yourself',
  });
}
