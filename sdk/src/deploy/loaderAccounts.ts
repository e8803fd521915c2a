import bs58 from 'bs58';
import { KarmeshError } from '../errors.ts';
import { findProgramAddress } from '../program/findProgramAddress.ts';
import { type Address, toBase58 } from '../program/index.ts';
import { equalBytes } from '../protocol/index.ts';

/** What an account of the upgradeable loader begins with, in bytes. */
export const LOADER_HEADER = { buffer: 37, program: 36, programData: 45 } as const;

const LOADER_V3 = bs58.decode('BPFLoaderUpgradeab1e11111111111111111111111');
/** The loaders whose programs nobody can change. */
const LOADERS_V1_V2 = ['BPFLoader1111111111111111111111111111111111', 'BPFLoader2111111111111111111111111111111111'];

/** An account as the node gives it. */
export interface OwnedAccount {
  readonly owner: Address;
  readonly lamports: bigint;
  readonly data: Uint8Array;
}

/** A buffer that a program is written into. */
export interface BufferAccount {
  /** Undefined if nobody may change it any more. */
  readonly authority: Address | undefined;
  readonly lamports: bigint;
  /** What has been written; zeros elsewhere. */
  readonly written: Uint8Array;
}

/** A program that stands on a chain. */
export interface DeployedProgram {
  /** Who may replace it; undefined if nobody may. */
  readonly authority: Address | undefined;
  /** The program, with the zeros behind it that are room for a longer one. */
  readonly bytes: Uint8Array;
  /** In which it was deployed or replaced; it runs from the next slot on. */
  readonly slot: bigint;
}

/** Where the loader keeps the bytes of a program. */
export function programDataAddress(program: Address): Address {
  return findProgramAddress([program], LOADER_V3);
}

function stateOf(account: OwnedAccount, header: number, tag: number): DataView | undefined {
  const { owner, data } = account;
  if (!equalBytes(owner, LOADER_V3) || data.length < header) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return view.getUint32(0, true) === tag ? view : undefined;
}

/** Bincode's optional address: a byte that says whether there is one, then 32. */
function optionalAddress(data: Uint8Array, offset: number): Address | undefined {
  return data[offset] === 1 ? data.slice(offset + 1, offset + 33) : undefined;
}

/** Throws `DEPLOY_REFUSED` if the account is no buffer. */
export function decodeBuffer(account: OwnedAccount): BufferAccount {
  if (stateOf(account, LOADER_HEADER.buffer, 1) === undefined) {
    throw new KarmeshError('DEPLOY_REFUSED', 'The account at the buffer’s address is no buffer.', {
      owner: toBase58(account.owner),
      bytes: account.data.length,
    });
  }
  return {
    authority: optionalAddress(account.data, 4),
    lamports: account.lamports,
    written: account.data.subarray(LOADER_HEADER.buffer),
  };
}

/** A program from its account and that of its data, which only the upgradeable loader has. Throws `PROGRAM_MISMATCH` if it is none. */
export function decodeProgram(program: OwnedAccount, programData: OwnedAccount | undefined): DeployedProgram {
  if (LOADERS_V1_V2.includes(toBase58(program.owner))) {
    return { authority: undefined, bytes: program.data, slot: 0n };
  }
  const isProgram = stateOf(program, LOADER_HEADER.program, 2) !== undefined;
  const state = programData === undefined ? undefined : stateOf(programData, LOADER_HEADER.programData, 3);
  if (!isProgram || state === undefined || programData === undefined) {
    throw new KarmeshError(
      'PROGRAM_MISMATCH',
      'There is no program at this address: it was closed, or is no program.',
      {
        owner: toBase58(program.owner),
        bytes: program.data.length,
      },
    );
  }
  return {
    authority: optionalAddress(programData.data, 12),
    bytes: programData.data.subarray(LOADER_HEADER.programData),
    slot: state.getBigUint64(4, true),
  };
}
