import { BN, BorshCoder } from '@coral-xyz/anchor';
import type { IdlType, IdlTypeDef } from '@coral-xyz/anchor/dist/cjs/idl.js';
import { type AccountMeta, PublicKey, TransactionInstruction } from '@solana/web3.js';
import { KarmeshError } from '../errors.ts';
import type { Address } from './address.ts';
import { idl } from './idl.ts';
import { toPublicKey } from './publicKey.ts';

const coder = new BorshCoder(idl);
const types = new Map<string, IdlTypeDef>((idl.types ?? []).map((type) => [type.name, type]));

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(name: string): readonly { readonly name: string; readonly type: IdlType }[] {
  const type = types.get(name)?.type;
  if (type?.kind !== 'struct' || type.fields === undefined) {
    throw new KarmeshError('BAD_ARGUMENT', 'The IDL has no structure of this name.', { name });
  }
  return type.fields as readonly { readonly name: string; readonly type: IdlType }[];
}

/** Our values as Anchor's coder takes them: bigint as BN, addresses as PublicKey, bytes as arrays of numbers. */
function toAnchor(type: IdlType, value: unknown): unknown {
  if (type === 'u64') return new BN(String(value));
  if (type === 'pubkey') return toPublicKey(value as Address);
  if (typeof type === 'string') return value;
  if ('array' in type) return Array.from(value as Iterable<unknown>, (item) => toAnchor(type.array[0], item));
  if ('vec' in type) return Array.from(value as Iterable<unknown>, (item) => toAnchor(type.vec, item));
  if ('defined' in type) {
    const fields = value as Fields;
    return Object.fromEntries(fieldsOf(type.defined.name).map((f) => [f.name, toAnchor(f.type, fields[f.name])]));
  }
  throw new KarmeshError('BAD_ARGUMENT', 'The IDL uses a type that this client does not know.', {
    type: JSON.stringify(type),
  });
}

/** Anchor's values as ours: every u64 a bigint, every address and byte array a Uint8Array. */
function fromAnchor(type: IdlType, value: unknown): unknown {
  if (type === 'u64') return BigInt(`0x${(value as BN).toString(16)}`);
  if (type === 'pubkey') return (value as PublicKey).toBytes();
  if (typeof type === 'string') return value;
  if ('array' in type) {
    const items = value as readonly unknown[];
    return type.array[0] === 'u8'
      ? Uint8Array.from(items as number[])
      : items.map((item) => fromAnchor(type.array[0], item));
  }
  if ('defined' in type) return structFromAnchor(type.defined.name, value);
  throw new KarmeshError('BAD_ARGUMENT', 'The IDL uses a type that this client does not know.', {
    type: JSON.stringify(type),
  });
}

function structFromAnchor(name: string, value: unknown): Fields {
  const fields = value as Fields;
  return Object.fromEntries(fieldsOf(name).map((f) => [f.name, fromAnchor(f.type, fields[f.name])]));
}

/** The name of the program's instruction that begins with these bytes, or undefined if it is another program's. */
export function instructionName(data: Uint8Array): string | undefined {
  return idl.instructions.find(({ discriminator }) => discriminator.every((byte, i) => data[i] === byte))?.name;
}

/** An event of the program, from a line that `sol_log_data` wrote in base64, or undefined if it is not one of ours. */
export function decodeEvent(base64: string): { readonly name: string; readonly data: Fields } | undefined {
  const event = coder.events.decode(base64);
  return event === null ? undefined : { name: event.name, data: structFromAnchor(event.name, event.data) };
}

/** An instruction by name, with its arguments and accounts as idl.json orders them. Accounts with a fixed address may be left out, and optional ones: in their place stands the program, as with Anchor's clients. */
export function buildInstruction(options: {
  readonly programId: Address;
  readonly name: string;
  readonly args: Fields;
  readonly accounts: Readonly<Record<string, Address>>;
}): TransactionInstruction {
  const definition = idl.instructions.find((instruction) => instruction.name === options.name);
  if (definition === undefined) {
    throw new KarmeshError('BAD_ARGUMENT', 'The IDL has no instruction of this name.', { name: options.name });
  }
  const args = Object.fromEntries(
    definition.args.map((arg) => [arg.name, toAnchor(arg.type as IdlType, options.args[arg.name])]),
  );
  const keys = definition.accounts.map((account): AccountMeta => {
    if ('accounts' in account) {
      throw new KarmeshError('BAD_ARGUMENT', 'The IDL nests accounts, which this client does not know.');
    }
    const given = options.accounts[account.name];
    if (given === undefined && account.optional === true) {
      return { pubkey: toPublicKey(options.programId), isSigner: false, isWritable: false };
    }
    const pubkey = given === undefined && account.address !== undefined ? new PublicKey(account.address) : undefined;
    if (given === undefined && pubkey === undefined) {
      throw new KarmeshError('BAD_ARGUMENT', 'An instruction lacks one of its accounts.', {
        instruction: options.name,
        account: account.name,
      });
    }
    return {
      pubkey: pubkey ?? toPublicKey(given as Address),
      isSigner: account.signer === true,
      isWritable: account.writable === true,
    };
  });
  return new TransactionInstruction({
    programId: toPublicKey(options.programId),
    keys,
    data: coder.instruction.encode(options.name, args),
  });
}
