import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { toPublicKey } from '@karmesh/sdk/program';
import type { Keypair } from '@karmesh/sdk/runtime';
import { PublicKey, SystemProgram, Transaction, TransactionInstruction } from '@solana/web3.js';
import { namedHash, namedKey } from '../../program/keys.ts';
import type { LiteSvmLedger } from '../../program/ledger/liteSvmLedger.ts';
import { SOL } from '../../program/world.ts';
import { feeMeter, type Spent } from './feeMeter.ts';

/** What a receipt costs in a ledger that writes every receipt to the chain. */
export interface RivalCost {
  readonly receipts: number;
  /** As many as fit a transaction. */
  readonly perTransaction: number;
  readonly spent: Spent;
}

/** Two addresses, a counter and a hash. */
const RECORD_BYTES = 100;

/** A transaction has at most so many bytes. */
const TRANSACTION_BYTES = 1_232;

/** Each receipt in an account of its own, made by the system program alone: no program of a rival is cheaper. */
export async function accountPerReceipt(ledger: LiteSvmLedger, receipts: number): Promise<RivalCost> {
  const payer = await richKey(ledger, 'account per receipt');
  const owner = new PublicKey(namedHash('a program of receipts'));
  const rent = Number(await ledger.rent(RECORD_BYTES));
  let made = 0;
  const record = (): TransactionInstruction => {
    const seed = String(made++).padStart(7, '0');
    const base = [Buffer.from(payer.publicKey), Buffer.from(seed), owner.toBuffer()];
    const address = new PublicKey(createHash('sha256').update(Buffer.concat(base)).digest());
    return SystemProgram.createAccountWithSeed({
      fromPubkey: toPublicKey(payer.publicKey),
      basePubkey: toPublicKey(payer.publicKey),
      newAccountPubkey: address,
      seed,
      lamports: rent,
      space: RECORD_BYTES,
      programId: owner,
    });
  };
  const perTransaction = mostThatFit(payer, record);
  made = 0;
  return measured(ledger, { payer, receipts, perTransaction, of: (count) => Array.from({ length: count }, record) });
}

/** Each receipt's hash appended to a tree in one account, by the program of `appendTree/`. */
export async function treeAppend(ledger: LiteSvmLedger, receipts: number): Promise<RivalCost> {
  const payer = await richKey(ledger, 'tree append');
  const programId = namedHash('append tree');
  const tree = namedHash('a tree of receipts');
  ledger.addProgram(programId, await buildAppendTree());
  const data = new Uint8Array(8 + 32 + 32 * 20);
  ledger.setAccount({ address: tree, owner: programId, data, lamports: await ledger.rent(data.length) });
  let appended = 0;
  const append = (count: number): TransactionInstruction =>
    new TransactionInstruction({
      programId: toPublicKey(programId),
      keys: [{ pubkey: toPublicKey(tree), isSigner: false, isWritable: true }],
      data: Buffer.concat(Array.from({ length: count }, () => namedHash(`receipt ${appended++}`))),
    });
  let perTransaction = 1;
  while (bytesOf(payer, [append(perTransaction + 1)]) <= TRANSACTION_BYTES) perTransaction++;
  const cost = await measured(ledger, { payer, receipts, perTransaction, of: (count) => [append(count)] });
  const held = (await ledger.account(tree))?.data ?? new Uint8Array(8);
  if (Buffer.from(held).readBigUInt64LE() !== BigInt(receipts)) {
    throw new KarmeshError('PROGRAM_ENDED', 'The rival’s tree has another number of leaves.', { receipts });
  }
  return cost;
}

async function measured(
  ledger: LiteSvmLedger,
  run: {
    readonly payer: Keypair;
    readonly receipts: number;
    readonly perTransaction: number;
    readonly of: (count: number) => readonly TransactionInstruction[];
  },
): Promise<RivalCost> {
  const meter = feeMeter(ledger);
  const { payer, receipts, perTransaction, of } = run;
  for (let sent = 0; sent < receipts; sent += perTransaction) {
    await meter.ledger.send(of(Math.min(perTransaction, receipts - sent)), [payer]);
  }
  const spent = meter.take().get('other');
  if (spent === undefined) throw new RangeError('Nothing was sent.');
  return { receipts, perTransaction, spent };
}

function mostThatFit(payer: Keypair, instruction: () => TransactionInstruction): number {
  const fitting = [instruction()];
  while (bytesOf(payer, [...fitting, instruction()]) <= TRANSACTION_BYTES) fitting.push(instruction());
  return fitting.length;
}

function bytesOf(payer: Keypair, instructions: readonly TransactionInstruction[]): number {
  const transaction = new Transaction().add(...instructions);
  transaction.feePayer = toPublicKey(payer.publicKey);
  transaction.recentBlockhash = toPublicKey(namedHash('blockhash')).toBase58();
  // One signature behind a count of one byte.
  return 65 + transaction.compileMessage().serialize().length;
}

async function richKey(ledger: LiteSvmLedger, name: string): Promise<Keypair> {
  const key = namedKey(name);
  await ledger.fund(key.publicKey, 100_000n * SOL);
  return key;
}

async function buildAppendTree(): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-append-tree-'));
  const [root, file] = [join(import.meta.dirname, '..', '..', '..'), join(folder, 'append_tree.so')];
  const script = join(root, 'programs', 'karma', 'build.sh');
  try {
    const crate = join(import.meta.dirname, 'appendTree');
    const { status, stderr } = spawnSync('bash', [script, '--crate', crate, file], { encoding: 'utf8' });
    if (status !== 0) throw new KarmeshError('PROGRAM_ENDED', 'The rival’s program was not built.', { stderr });
    return new Uint8Array(await readFile(file));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
