import { idl } from '@karmesh/sdk/program';
import { concatBytes, fromHex, u32le, u64le } from '@karmesh/sdk/protocol';
import { reportBytes } from '../model/hashes.ts';
import { discriminator } from '../model/layout.ts';
import type { Report } from '../model/ledger.ts';
import type { Name } from '../model/program.ts';
import type { SumStep } from '../model/reports.ts';

type IdlType = (typeof idl.instructions)[number]['args'][number]['type'];

/** What an instruction takes, as idl.json says. */
export interface Shape {
  readonly accounts: readonly {
    readonly name: string;
    readonly signer: boolean;
    readonly writable: boolean;
    /** In base58, of accounts that are always the same. */
    readonly address?: string;
  }[];
  readonly args: readonly { readonly name: string; readonly type: IdlType }[];
}

const shapes = new Map<string, Shape>(
  idl.instructions.map((instruction) => [snake(instruction.name), shapeOf(instruction)]),
);

/** The client's IDL has names in camel case, the protocol in snake case. */
function snake(name: string): string {
  return name.replace(/[A-Z]/gu, (found) => `_${found.toLowerCase()}`);
}

function shapeOf({ accounts, args }: (typeof idl.instructions)[number]): Shape {
  return {
    // Accounts of a token can be left out, and are in this fuzz.
    accounts: accounts.flatMap((account) => {
      if ('accounts' in account || account.optional === true) return [];
      const { name, signer = false, writable = false, address } = account;
      return [{ name: snake(name), signer, writable, ...(address === undefined ? {} : { address }) }];
    }),
    args: args.map(({ name, type }) => ({ name: snake(name), type })),
  };
}

export function shape(name: Name): Shape {
  const found = shapes.get(name);
  if (found === undefined) throw new RangeError(`The IDL has no ${name}.`);
  return found;
}

/** An instruction's data: the discriminator and the arguments in borsh order. */
export function dataOf(name: Name, args: Readonly<Record<string, unknown>>): Uint8Array {
  const parts = shape(name).args.map((arg) => {
    if (args[arg.name] === undefined) throw new RangeError(`${name} takes ${arg.name}.`);
    return encoded(arg.type, args[arg.name]);
  });
  return concatBytes(discriminator(`global:${name}`), ...parts);
}

function encoded(type: IdlType, value: unknown): Uint8Array {
  if (type === 'u8') return new Uint8Array([value as number]);
  if (type === 'u16') return new Uint8Array([(value as number) & 255, (value as number) >> 8]);
  if (type === 'u32') return u32le(value as number);
  if (type === 'u64') return u64le(value as bigint);
  if (typeof value === 'string') return fromHex(value);
  if (typeof type === 'object' && 'vec' in type) {
    const items = value as readonly unknown[];
    const bytes = value instanceof Uint8Array ? value : concatBytes(...items.map((item) => encoded(type.vec, item)));
    return concatBytes(u32le(items.length), bytes);
  }
  if (typeof type === 'object' && 'array' in type) {
    if (value instanceof Uint8Array) return value;
    return concatBytes(...(value as readonly unknown[]).map((item) => encoded(type.array[0], item)));
  }
  if (typeof type === 'object' && 'defined' in type) {
    if (type.defined.name.toLowerCase() === 'report') return reportBytes(value as Report);
    const { hash, sum } = value as SumStep;
    return concatBytes(fromHex(hash), u64le(sum));
  }
  throw new RangeError('The IDL uses a type that this fuzz does not know.');
}
