import { type Address, addressFromBase58, idl, instructionName, toBase58, toPublicKey } from '@karmesh/sdk/program';
import type { TransactionInstruction } from '@solana/web3.js';
import { withData } from '../bent.ts';
import { namedHash } from '../keys.ts';
import type { LiteSvmLedger } from '../ledger/liteSvmLedger.ts';
import type { WorldAccounts } from './worldAccounts.ts';

/** An instruction with one thing wrong. */
export interface Bend {
  /** What is bent: an account by its name in idl.json, or `data`. */
  readonly part: string;
  /** What is there instead. */
  readonly as: string;
  readonly instruction: TransactionInstruction;
}

export interface BendOptions {
  readonly ledger: LiteSvmLedger;
  readonly world: WorldAccounts;
  /** Who can sign, in base58, the newest last. */
  readonly signers: readonly string[];
  /** A wallet that has no part in the world but can sign and pay. */
  readonly stranger: Address;
}

/** A program that could write whatever it likes into accounts of its own. */
const OTHER_PROGRAM = namedHash('another program');
const NOTHING = namedHash('no account');
/** Of one type that many accounts have, so many take an account's place. */
const OF_ONE_TYPE = 3;

export function accountName(instruction: TransactionInstruction, position: number): string {
  const called = instructionName(instruction.data);
  const accounts = idl.instructions.find(({ name }) => name === called)?.accounts;
  return accounts?.[position]?.name ?? `account ${position}`;
}

/** The data cut, empty, longer, and with a discriminator that no instruction has. */
export function bentData(instruction: TransactionInstruction): Bend[] {
  const { data } = instruction;
  const bent: [string, Uint8Array][] = [
    ['one byte less', data.subarray(0, -1)],
    ['no arguments', data.subarray(0, data.length > 8 ? 8 : 7)],
    ['empty', new Uint8Array()],
    ['one byte more', Uint8Array.from([...data, 0])],
    ['of no instruction', data.map((byte, i) => (i === 0 ? byte ^ 1 : byte))],
  ];
  return bent.map(([as, bytes]) => ({ part: 'data', as, instruction: withData(instruction, bytes) }));
}

/** The instruction without its last account. */
export function fewerAccounts(instruction: TransactionInstruction): Bend[] {
  const last = instruction.keys.length - 1;
  const bent = withKeys(instruction, instruction.keys.slice(0, last));
  return [{ part: accountName(instruction, last), as: 'left out', instruction: bent }];
}

/** Each signer in turn not signing, wherever it stands. */
export function unsignedAccounts(instruction: TransactionInstruction): Bend[] {
  return instruction.keys.flatMap(({ pubkey, isSigner }, position) => {
    if (!isSigner) return [];
    const keys = instruction.keys.map((key) => (key.pubkey.equals(pubkey) ? { ...key, isSigner: false } : key));
    return [{ part: accountName(instruction, position), as: 'not signing', instruction: withKeys(instruction, keys) }];
  });
}

/**
 * Each account in turn replaced: by others of its type and of every other type, by one of another program with the same bytes, by a
 * stranger, by nothing, and by each other account of the instruction. Whoever takes a signer's place signs if it can.
 */
export async function swappedAccounts(instruction: TransactionInstruction, options: BendOptions): Promise<Bend[]> {
  const { ledger, world, signers, stranger } = options;
  const byType = await world.byType();
  const out: Bend[] = [];
  for (const [position, { pubkey, isSigner }] of instruction.keys.entries()) {
    const there = pubkey.toBytes();
    const type = await world.typeOf(there);
    const part = accountName(instruction, position);
    const put = (as: string, address: Address) => {
      if (toPublicKey(address).equals(pubkey)) return;
      const replaced = instruction.keys.map((key, i) =>
        i === position
          ? { ...key, pubkey: toPublicKey(address), isSigner: key.isSigner && signers.includes(toBase58(address)) }
          : key,
      );
      out.push({ part, as, instruction: withKeys(instruction, replaced) });
    };
    for (const [other, addresses] of byType) {
      const some = addresses.filter((address) => !toPublicKey(address).equals(pubkey));
      for (const address of some.slice(0, other === type ? OF_ONE_TYPE : 1)) put(other, address);
    }
    put('stranger', stranger);
    put('nothing', NOTHING);
    if (isSigner) {
      for (const signer of signers.slice(-OF_ONE_TYPE)) put('another signer', addressFromBase58(signer));
    }
    const account = await ledger.account(there);
    if (account !== undefined && account.data.length > 0) {
      const address = namedHash(`forged ${pubkey.toBase58()}`);
      ledger.setAccount({ ...account, address, owner: OTHER_PROGRAM });
      put('forged', address);
    }
    for (const [i, other] of instruction.keys.entries()) {
      put(`same as ${accountName(instruction, i)}`, other.pubkey.toBytes());
    }
  }
  return out;
}

function withKeys(instruction: TransactionInstruction, keys: TransactionInstruction['keys']): TransactionInstruction {
  const bent = withData(instruction, instruction.data);
  bent.keys = keys;
  return bent;
}
