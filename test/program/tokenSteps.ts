import { associatedTokenAccount, TOKEN_PROGRAM, toPublicKey } from '@karmesh/sdk/program';
import type { Keypair } from '@karmesh/sdk/runtime';
import { PublicKey, SystemProgram, TransactionInstruction } from '@solana/web3.js';
import { namedKey } from './keys.ts';
import type { Ledger } from './ledger/ledger.ts';
import { must } from './world.ts';

/** Instructions of the SPL Token program, byte for byte as its interface says. */
export const MINT_BYTES = 82;
export const TOKEN_ACCOUNT_BYTES = 165;

interface Meta {
  readonly key: Uint8Array;
  readonly writable?: boolean;
  readonly signer?: boolean;
}

function instruction(metas: readonly Meta[], data: readonly (number | Uint8Array)[]): TransactionInstruction {
  return new TransactionInstruction({
    programId: toPublicKey(TOKEN_PROGRAM),
    keys: metas.map(({ key, writable = false, signer = false }) => ({
      pubkey: toPublicKey(key),
      isWritable: writable,
      isSigner: signer,
    })),
    data: Buffer.concat(data.map((part) => (typeof part === 'number' ? Buffer.from([part]) : part))),
  });
}

function u64(value: bigint): Uint8Array {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(value);
  return out;
}

async function make(ledger: Ledger, payer: Keypair, account: Keypair, bytes: number): Promise<TransactionInstruction> {
  return SystemProgram.createAccount({
    fromPubkey: toPublicKey(payer.publicKey),
    newAccountPubkey: toPublicKey(account.publicKey),
    lamports: Number(await ledger.rent(bytes)),
    space: bytes,
    programId: toPublicKey(TOKEN_PROGRAM),
  });
}

/** A token account of `owner` for `mint`, at the address of the name. */
export async function makeTokenAccount(
  ledger: Ledger,
  payer: Keypair,
  made: { readonly name: string; readonly mint: Uint8Array; readonly owner: Uint8Array },
): Promise<Uint8Array> {
  const account = namedKey(made.name);
  const initialise = instruction([{ key: account.publicKey, writable: true }, { key: made.mint }], [18, made.owner]);
  await ledger.send([await make(ledger, payer, account, TOKEN_ACCOUNT_BYTES), initialise], [payer, account]);
  return account.publicKey;
}

/** A mint of `payer`'s at the address of the name, with a freezing authority if told. */
export async function makeMint(
  ledger: Ledger,
  payer: Keypair,
  made: { readonly name: string; readonly freezable?: boolean },
): Promise<Uint8Array> {
  const mint = namedKey(made.name);
  const freezer = made.freezable === true ? [1, payer.publicKey] : [0];
  const initialise = instruction([{ key: mint.publicKey, writable: true }], [20, 6, payer.publicKey, ...freezer]);
  await ledger.send([await make(ledger, payer, mint, MINT_BYTES), initialise], [payer, mint]);
  return mint.publicKey;
}

export async function mintTo(
  ledger: Ledger,
  payer: Keypair,
  minted: { readonly mint: Uint8Array; readonly to: Uint8Array; readonly amount: bigint },
): Promise<void> {
  const metas = [
    { key: minted.mint, writable: true },
    { key: minted.to, writable: true },
    { key: payer.publicKey, signer: true },
  ];
  await ledger.send([instruction(metas, [7, u64(minted.amount)])], [payer]);
}

/** Gives up the right to mint, for good. */
export async function fixSupply(ledger: Ledger, payer: Keypair, mint: Uint8Array): Promise<void> {
  const metas = [
    { key: mint, writable: true },
    { key: payer.publicKey, signer: true },
  ];
  await ledger.send([instruction(metas, [6, 0, 0])], [payer]);
}

/** Gives a token account another owner. */
export async function giveTokenAccount(
  ledger: Ledger,
  owner: Keypair,
  given: { readonly account: Uint8Array; readonly to: Uint8Array },
): Promise<void> {
  const metas = [
    { key: given.account, writable: true },
    { key: owner.publicKey, signer: true },
  ];
  await ledger.send([instruction(metas, [6, 2, 1, given.to])], [owner]);
}

/** Base units in a token account. */
export async function tokensIn(ledger: Ledger, account: Uint8Array): Promise<bigint> {
  const { data } = await must(ledger.account(account));
  return Buffer.from(data).readBigUInt64LE(64);
}

const ASSOCIATED_TOKEN_PROGRAM = new PublicKey('ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL');

/** The associated token account of `owner` for `mint`, made unless it is there. */
export async function makeTokenWallet(
  ledger: Ledger,
  payer: Keypair,
  made: { readonly mint: Uint8Array; readonly owner: Uint8Array },
): Promise<Uint8Array> {
  const address = associatedTokenAccount(made.owner, made.mint);
  const metas = [payer.publicKey, address, made.owner, made.mint].map((key, index) => ({
    pubkey: toPublicKey(key),
    isSigner: index === 0,
    isWritable: index < 2,
  }));
  const programs = [SystemProgram.programId, toPublicKey(TOKEN_PROGRAM)];
  const keys = [...metas, ...programs.map((pubkey) => ({ pubkey, isSigner: false, isWritable: false }))];
  const data = Buffer.from([1]);
  await ledger.send([new TransactionInstruction({ programId: ASSOCIATED_TOKEN_PROGRAM, keys, data })], [payer]);
  return address;
}

/** A transfer of tokens that names `reference` besides, as a deposit does. */
export async function payTokens(
  ledger: Ledger,
  owner: Keypair,
  paid: {
    readonly from: Uint8Array;
    readonly to: Uint8Array;
    readonly amount: bigint;
    readonly reference: Uint8Array;
  },
): Promise<void> {
  const metas = [
    { key: paid.from, writable: true },
    { key: paid.to, writable: true },
    { key: owner.publicKey, signer: true },
    { key: paid.reference },
  ];
  await ledger.send([instruction(metas, [3, u64(paid.amount)])], [owner]);
}
