import { KarmeshError } from '../errors.ts';
import { concatBytes } from '../protocol/bytes.ts';
import type { Address } from './address.ts';
import type { PlainInstruction } from './compileTransaction.ts';
import { idl } from './idl.ts';

/**
 * An instruction of the program by name, as idl.json orders its accounts; `args` are its arguments' bytes. In the place of an optional account that
 * is not given stands the program. Needs nothing of Anchor at run time, so that a browser can make it. Throws `BAD_ARGUMENT` if the IDL has none
 * of this name, or an account is missing.
 */
export function plainInstruction(options: {
  readonly programId: Address;
  readonly name: string;
  readonly args?: Uint8Array;
  readonly accounts: Readonly<Record<string, Address>>;
}): PlainInstruction {
  const { accounts, args = new Uint8Array(), name, programId } = options;
  const definition = idl.instructions.find((instruction) => instruction.name === name);
  if (definition === undefined)
    throw new KarmeshError('BAD_ARGUMENT', 'The IDL has no instruction of this name.', { name });
  return {
    programId,
    accounts: definition.accounts.map((account) => {
      const given = accounts[account.name];
      if ('accounts' in account || (given === undefined && account.optional !== true)) {
        const facts = { instruction: name, account: account.name };
        throw new KarmeshError('BAD_ARGUMENT', 'An instruction lacks one of its accounts.', facts);
      }
      if (given === undefined) return { address: programId, isSigner: false, isWritable: false };
      return { address: given, isSigner: account.signer === true, isWritable: account.writable === true };
    }),
    data: concatBytes(new Uint8Array(definition.discriminator), args),
  };
}
