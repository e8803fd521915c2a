import { KarmeshError } from '../errors.ts';
import { concatBytes } from '../protocol/bytes.ts';
import { type Address, toBase58 } from './address.ts';

/** An instruction without web3.js. */
export interface PlainInstruction {
  readonly programId: Address;
  readonly accounts: readonly { readonly address: Address; readonly isSigner: boolean; readonly isWritable: boolean }[];
  readonly data: Uint8Array;
}

/** What Solana's packets have room for. */
const MAX_TRANSACTION_BYTES = 1_232;
const SIGNATURE_BYTES = 64;

/**
 * A legacy transaction (https://solana.com/docs/core/transactions) with room for its signatures, for a wallet that signs it. Written here
 * because a browser also needs it, without web3.js. Throws `BAD_ARGUMENT` if it is too long.
 */
export function compileTransaction(options: {
  /** Pays the fee and signs. */
  readonly payer: Address;
  readonly blockhash: Uint8Array;
  readonly instructions: readonly PlainInstruction[];
}): Uint8Array {
  const { payer, blockhash, instructions } = options;
  const metas = new Map<string, { readonly address: Address; isSigner: boolean; isWritable: boolean }>();
  const add = (address: Address, isSigner: boolean, isWritable: boolean): void => {
    const name = toBase58(address);
    const meta = metas.get(name) ?? { address, isSigner: false, isWritable: false };
    meta.isSigner ||= isSigner;
    meta.isWritable ||= isWritable;
    metas.set(name, meta);
  };
  add(payer, true, true);
  for (const { accounts } of instructions)
    for (const { address, isSigner, isWritable } of accounts) add(address, isSigner, isWritable);
  for (const { programId } of instructions) add(programId, false, false);

  // Signers stand first, and of both kinds those that are written; a sort that is stable keeps the payer at the head.
  const rank = ({ isSigner, isWritable }: { isSigner: boolean; isWritable: boolean }): number =>
    (isSigner ? 0 : 2) + (isWritable ? 0 : 1);
  const keys = [...metas].sort(([, a], [, b]) => rank(a) - rank(b));
  const placeOf = (address: Address): number => keys.findIndex(([name]) => name === toBase58(address));
  const count = (wanted: number): number => keys.filter(([, meta]) => rank(meta) === wanted).length;
  const signers = count(0) + count(1);
  const message = concatBytes(
    new Uint8Array([signers, count(1), count(3)]),
    ...lengthPrefixed(keys.map(([, { address }]) => address)),
    blockhash,
    ...lengthPrefixed(
      instructions.map(({ accounts, data, programId }) =>
        concatBytes(
          new Uint8Array([placeOf(programId)]),
          compactU16(accounts.length),
          new Uint8Array(accounts.map(({ address }) => placeOf(address))),
          compactU16(data.length),
          data,
        ),
      ),
    ),
  );
  const transaction = concatBytes(compactU16(signers), new Uint8Array(signers * SIGNATURE_BYTES), message);
  if (transaction.length > MAX_TRANSACTION_BYTES) {
    const facts = { bytes: transaction.length, most: MAX_TRANSACTION_BYTES };
    throw new KarmeshError('BAD_ARGUMENT', 'A transaction is longer than the cluster takes.', facts);
  }
  return transaction;
}

function lengthPrefixed(items: readonly Uint8Array[]): readonly Uint8Array[] {
  return [compactU16(items.length), ...items];
}

/** Solana's short form of a length: seven bits a byte, the lowest first. */
function compactU16(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return new Uint8Array([...bytes, rest]);
}
