import {
  PublicKey,
  SYSVAR_CLOCK_PUBKEY,
  SYSVAR_RENT_PUBKEY,
  SystemProgram,
  TransactionInstruction,
} from '@solana/web3.js';
import { type Address, toPublicKey } from '../program/index.ts';

// The instructions of the upgradeable loader (solana-loader-v3-interface): a tag of four bytes, then the arguments in bincode.

const LOADER = new PublicKey('BPFLoaderUpgradeab1e11111111111111111111111');
const TAG = {
  initializeBuffer: 0,
  write: 1,
  deploy: 2,
  upgrade: 3,
  setAuthority: 4,
  close: 5,
  extend: 6,
  extendChecked: 9,
} as const;

interface Key {
  readonly of: Address | PublicKey;
  readonly signs?: boolean;
  readonly written?: boolean;
}

function loaderInstruction(data: readonly Uint8Array[], keys: readonly Key[]): TransactionInstruction {
  return new TransactionInstruction({
    programId: LOADER,
    data: Buffer.concat(data),
    keys: keys.map(({ of, signs = false, written = false }) => ({
      pubkey: of instanceof PublicKey ? of : toPublicKey(of),
      isSigner: signs,
      isWritable: written,
    })),
  });
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** Creates an account of the loader's; `account` signs. */
function createAccount(options: {
  readonly payer: Address;
  readonly account: Address;
  readonly bytes: number;
  readonly lamports: bigint;
}): TransactionInstruction {
  return SystemProgram.createAccount({
    fromPubkey: toPublicKey(options.payer),
    newAccountPubkey: toPublicKey(options.account),
    lamports: Number(options.lamports),
    space: options.bytes,
    programId: LOADER,
  });
}

/** Makes an empty buffer of `bytes` in all; `payer` and `buffer` sign, and `payer` is its authority. */
export function createBuffer(options: {
  readonly payer: Address;
  readonly buffer: Address;
  readonly bytes: number;
  readonly lamports: bigint;
}): readonly TransactionInstruction[] {
  const { payer, buffer } = options;
  return [
    createAccount({ ...options, account: buffer }),
    loaderInstruction([u32(TAG.initializeBuffer)], [{ of: buffer, written: true }, { of: payer }]),
  ];
}

/** Writes `bytes` at `offset` of the program in the buffer. */
export function writeBuffer(options: {
  readonly buffer: Address;
  readonly authority: Address;
  readonly offset: number;
  readonly bytes: Uint8Array;
}): TransactionInstruction {
  const { buffer, authority, offset, bytes } = options;
  return loaderInstruction(
    [u32(TAG.write), u32(offset), u64(bytes.length), bytes],
    [
      { of: buffer, written: true },
      { of: authority, signs: true },
    ],
  );
}

/** Makes a program of the buffer, with room for `maxBytes`; `payer`, who must be the buffer's authority, and `program` sign. The buffer's lamports go back to `payer`. */
export function deployBuffer(options: {
  readonly payer: Address;
  readonly program: Address;
  readonly programData: Address;
  readonly buffer: Address;
  readonly maxBytes: number;
  readonly programBytes: number;
  readonly programLamports: bigint;
}): readonly TransactionInstruction[] {
  const { payer, program, programData, buffer, maxBytes, programBytes, programLamports } = options;
  return [
    createAccount({ payer, account: program, bytes: programBytes, lamports: programLamports }),
    loaderInstruction(
      [u32(TAG.deploy), u64(maxBytes)],
      [
        { of: payer, signs: true, written: true },
        { of: programData, written: true },
        { of: program, written: true },
        { of: buffer, written: true },
        { of: SYSVAR_RENT_PUBKEY },
        { of: SYSVAR_CLOCK_PUBKEY },
        { of: SystemProgram.programId },
        { of: payer, signs: true },
      ],
    ),
  ];
}

/** Replaces the program by the buffer, whose lamports go to `authority`; both must have this authority. */
export function upgradeProgram(options: {
  readonly authority: Address;
  readonly program: Address;
  readonly programData: Address;
  readonly buffer: Address;
}): TransactionInstruction {
  const { authority, program, programData, buffer } = options;
  return loaderInstruction(
    [u32(TAG.upgrade)],
    [
      { of: programData, written: true },
      { of: program, written: true },
      { of: buffer, written: true },
      { of: authority, written: true },
      { of: SYSVAR_RENT_PUBKEY },
      { of: SYSVAR_CLOCK_PUBKEY },
      { of: authority, signs: true },
    ],
  );
}

/** Makes room for `bytes` more, which `authority` pays. Clusters take one of two forms: the one that names the authority, or before SIMD-0431 the one that does not. */
export function extendProgram(options: {
  readonly form: 'checked' | 'unchecked';
  readonly authority: Address;
  readonly program: Address;
  readonly programData: Address;
  readonly bytes: number;
}): TransactionInstruction {
  const { form, authority, program, programData, bytes } = options;
  const isChecked = form === 'checked';
  return loaderInstruction(
    [u32(isChecked ? TAG.extendChecked : TAG.extend), u32(bytes)],
    [
      { of: programData, written: true },
      { of: program, written: true },
      ...(isChecked ? [{ of: authority, signs: true }] : []),
      { of: SystemProgram.programId },
      { of: authority, signs: true, written: true },
    ],
  );
}

/** Gives a buffer or a program’s data to `next`; without one nobody may ever change it again. */
export function setAuthority(options: {
  readonly account: Address;
  readonly authority: Address;
  readonly next: Address | undefined;
}): TransactionInstruction {
  const { account, authority, next } = options;
  return loaderInstruction(
    [u32(TAG.setAuthority)],
    [{ of: account, written: true }, { of: authority, signs: true }, ...(next === undefined ? [] : [{ of: next }])],
  );
}

/** Ends a buffer; its lamports go to `authority`. */
export function closeBuffer(options: {
  readonly buffer: Address;
  readonly authority: Address;
}): TransactionInstruction {
  const { buffer, authority } = options;
  return loaderInstruction(
    [u32(TAG.close)],
    [
      { of: buffer, written: true },
      { of: authority, written: true },
      { of: authority, signs: true },
    ],
  );
}

/** Ends a program for ever; the lamports of its data go to `authority`, and nothing can be deployed at its address again. */
export function closeProgram(options: {
  readonly program: Address;
  readonly programData: Address;
  readonly authority: Address;
}): TransactionInstruction {
  const { program, programData, authority } = options;
  return loaderInstruction(
    [u32(TAG.close)],
    [
      { of: programData, written: true },
      { of: authority, written: true },
      { of: authority, signs: true },
      { of: program, written: true },
    ],
  );
}
