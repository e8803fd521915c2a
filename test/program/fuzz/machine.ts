import { readFileSync } from 'node:fs';
import { addressFromBase58, PROGRAM_ID } from '@karmesh/sdk/program';
import { fromHex as bytesOfHex, concatBytes, toHex } from '@karmesh/sdk/protocol';
import { Account, FailedTransactionMetadata, LiteSvm } from 'litesvm/dist/internal.js';
import { slotHash } from '../model/epochs.ts';
import { bytesOf } from '../model/layout.ts';
import { type Call, type Key, type Ledger, ZERO } from '../model/ledger.ts';
import type { Name } from '../model/program.ts';
import { dataOf, shape } from './instructionBytes.ts';

const ED25519 = addressFromBase58('Ed25519SigVerify111111111111111111111111111');
const SLOT_HASHES = addressFromBase58('SysvarS1otHashes111111111111111111111111111');
const SYSVARS = addressFromBase58('Sysvar1111111111111111111111111111111111111');
const SYSTEM = new Uint8Array(32);
const LAMPORTS_PER_SIGNATURE = 5_000n;
const KEPT_SLOTS = 512;
/** Who pays fees: it stands in no instruction. */
const PAYER = new Uint8Array(32).fill(7);

/** The same addresses come again and again. */
const knownBytes = new Map<Key, Uint8Array>();

function fromHex(key: Key): Uint8Array {
  const known = knownBytes.get(key);
  if (known !== undefined) return known;
  const bytes = bytesOfHex(key);
  knownBytes.set(key, bytes);
  return bytes;
}

/** What is sent: a call, with the data cut short or lengthened, and the Ed25519 program's data if that stands before it. */
export interface Sent extends Call {
  readonly name: Name;
  /** Bytes that are missing at the end of the data, or added to it. */
  readonly stretch?: number;
  readonly precompile?: Uint8Array;
}

/** The program in LiteSVM, without its signature checks, history and client: a transaction takes some 50 microseconds. */
export interface Machine {
  /** Undefined if the program ran, else the number of its error or what the runtime says. */
  send(sent: Sent): number | string | undefined;
  account(key: Key): { readonly lamports: bigint; readonly data: Uint8Array } | undefined;
  setLamports(key: Key, lamports: bigint): void;
  setSlot(slot: bigint): void;
  /** Makes the machine's accounts those of the ledger, whatever was there. */
  load(ledger: Ledger): void;
  /** Lamports on all accounts that were ever touched since `load`, and the fees since then. */
  total(): bigint;
}

export function fuzzMachine(programFile: string): Machine {
  const svm = new LiteSvm();
  svm.setSigverify(false);
  svm.setBlockhashCheck(false);
  svm.setTransactionHistory(0n);
  svm.setLogBytesLimit(0n);
  svm.addProgram(PROGRAM_ID, readFileSync(programFile));
  svm.airdrop(PAYER, 1_000_000_000_000_000n);
  const present = new Set<Key>();
  let slot = 0n;
  let hashesOf = -1n;
  const write = (key: Key, lamports: bigint, data: Uint8Array, owner: Uint8Array): void => {
    present.add(key);
    svm.setAccount(fromHex(key), new Account(lamports, data, owner, false, 0n));
  };
  const lamportsOf = (key: Key): bigint => svm.getBalance(fromHex(key)) ?? 0n;
  let fees = 0n;
  return {
    send(sent) {
      if (sent.name === 'record_beacon' && hashesOf !== slot) {
        svm.setAccount(SLOT_HASHES, new Account(1_000_000_000n, slotHashes(slot), SYSVARS, false, 0n));
        hashesOf = slot;
      }
      // The system program, which stands for nobody, is nothing to be put back.
      for (const key of sent.accounts) if (key !== ZERO) present.add(key);
      const { bytes, signatures } = transactionOf(sent);
      const result = svm.sendLegacyTransaction(bytes);
      // What the Ed25519 program checks is paid for like the transaction's own signatures.
      fees += LAMPORTS_PER_SIGNATURE * BigInt(signatures + (sent.precompile?.[0] ?? 0));
      return result instanceof FailedTransactionMetadata ? faultOf(result.err()) : undefined;
    },
    account(key) {
      const account = svm.getAccount(fromHex(key));
      if (account === null || account.lamports() === 0n) return undefined;
      return { lamports: account.lamports(), data: account.data() };
    },
    setLamports(key, lamports) {
      const account = svm.getAccount(fromHex(key));
      write(key, lamports, account?.data() ?? new Uint8Array(), account?.owner() ?? SYSTEM);
    },
    setSlot(to) {
      slot = to;
      svm.warpToSlot(to);
    },
    load(ledger) {
      for (const key of present) {
        if (!ledger.accounts.has(key) && lamportsOf(key) > 0n) write(key, 0n, new Uint8Array(), SYSTEM);
      }
      present.clear();
      for (const [key, { lamports, data }] of ledger.accounts) {
        if (data === undefined) write(key, lamports, new Uint8Array(), SYSTEM);
        else write(key, lamports, bytesOf(data), PROGRAM_ID);
      }
      slot = ledger.slot;
      svm.warpToSlot(slot);
      fees = 0n;
      svm.setAccount(PAYER, new Account(1_000_000_000_000_000n, new Uint8Array(), SYSTEM, false, 0n));
    },
    total: () => [...present].reduce((sum, key) => sum + lamportsOf(key), 0n) + lamportsOf(toHex(PAYER)) + fees,
  };
}

/** The sysvar as a cluster without a silent leader fills it: a count, then slot and hash from the newest to the oldest. */
function slotHashes(slot: bigint): Uint8Array {
  const count = Math.min(KEPT_SLOTS, Number(slot));
  const bytes = Buffer.alloc(8 + 40 * KEPT_SLOTS);
  bytes.writeBigUInt64LE(BigInt(count));
  for (let i = 0; i < count; i++) {
    const of = slot - 1n - BigInt(i);
    bytes.writeBigUInt64LE(of, 8 + 40 * i);
    bytes.write(slotHash(of), 16 + 40 * i, 'hex');
  }
  return bytes;
}

function faultOf(error: unknown): number | string {
  if (typeof error === 'object' && error !== null && 'err' in error) {
    const inner = (error as { err(): unknown }).err();
    if (typeof inner === 'object' && inner !== null && 'code' in inner) return Number(inner.code);
    return String(inner);
  }
  return String(error);
}

interface Meta {
  readonly key: Uint8Array;
  signer: boolean;
  writable: boolean;
}

const short = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, value >> 7]);

/** A transaction of the old format: signatures of zeros, the accounts by their rights, and one or two instructions. */
function transactionOf(sent: Sent): { readonly bytes: Uint8Array; readonly signatures: number } {
  const places = new Map<Key, Meta>([[toHex(PAYER), { key: PAYER, signer: true, writable: true }]]);
  const add = (key: Uint8Array, signer: boolean, writable: boolean): Key => {
    const name = toHex(key);
    const known = places.get(name);
    if (known === undefined) places.set(name, { key, signer, writable });
    else {
      known.signer ||= signer;
      known.writable ||= writable;
    }
    return name;
  };
  const { accounts } = shape(sent.name);
  let given = 0;
  const instruction = accounts.map(({ address, writable }) => {
    if (address !== undefined && sent.accounts.length <= given) return add(addressFromBase58(address), false, writable);
    const key = sent.accounts[given++] ?? '';
    return add(fromHex(key), sent.signs.includes(key), writable);
  });
  const program = add(PROGRAM_ID, false, false);
  const precompile = sent.precompile === undefined ? undefined : add(ED25519, false, false);
  const rank = ({ signer, writable }: Meta): number => (signer ? 0 : 2) + (writable ? 0 : 1);
  const [payer, ...others] = [...places.values()];
  const ordered = [payer as Meta, ...others.sort((a, b) => rank(a) - rank(b))];
  const indexes = new Map(ordered.map(({ key }, i) => [toHex(key), i]));
  const indexOf = (name: Key): number => indexes.get(name) ?? 0;
  const count = (of: (meta: Meta) => boolean): number => ordered.filter(of).length;
  const signatures = count(({ signer }) => signer);
  const plain = dataOf(sent.name, sent.args);
  const { stretch = 0 } = sent;
  const data = stretch < 0 ? plain.subarray(0, plain.length + stretch) : concatBytes(plain, new Uint8Array(stretch));
  const before = sent.precompile;
  const bytes = concatBytes(
    new Uint8Array(short(signatures)),
    new Uint8Array(64 * signatures),
    new Uint8Array([
      signatures,
      count(({ signer, writable }) => signer && !writable),
      count(({ signer, writable }) => !signer && !writable),
      ...short(ordered.length),
    ]),
    ...ordered.map(({ key }) => key),
    new Uint8Array(32),
    new Uint8Array([before === undefined ? 1 : 2]),
    ...(before === undefined || precompile === undefined
      ? []
      : [new Uint8Array([indexOf(precompile), 0, ...short(before.length)]), before]),
    new Uint8Array([
      indexOf(program),
      ...short(instruction.length),
      ...instruction.map(indexOf),
      ...short(data.length),
    ]),
    data,
  );
  return { bytes, signatures };
}
