import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Localnet, startLocalnet } from '@karmesh/localnet';
import {
  Connection,
  Keypair,
  PublicKey,
  SYSVAR_CLOCK_PUBKEY,
  SYSVAR_RENT_PUBKEY,
  SystemProgram,
  TransactionInstruction,
} from '@solana/web3.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { signed } from './wallet.ts';

const loader = new PublicKey('BPFLoaderUpgradeab1e11111111111111111111111');
const memoProgram = new PublicKey('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr');
const writeAtOnce = 900;

/** Instructions of the upgradeable loader (solana-loader-v3-interface) by their tags. */
const tags = { initializeBuffer: 0, write: 1, deploy: 2, upgrade: 3, close: 5 } as const;

let folder: string;
let localnet: Localnet;
let connection: Connection;
const payer = Keypair.generate();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-deploy-'));
  await start();
  await connection.requestAirdrop(payer.publicKey, 100_000_000_000);
});

afterEach(async () => {
  await localnet[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  localnet = await startLocalnet({ dataDir: folder, slotMs: 'manual' });
  connection = new Connection(localnet.rpcUrl, 'confirmed');
}

async function restart(): Promise<void> {
  await localnet[Symbol.asyncDispose]();
  await start();
}

async function send(instructions: readonly TransactionInstruction[], ...signers: readonly Keypair[]): Promise<string> {
  const { transaction } = await signed({ connection, payer, instructions, signers });
  return connection.sendRawTransaction(transaction.serialize());
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

function u64(value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}

/** An instruction of the loader; the payer signs wherever it is named. */
function instruction(
  data: readonly Buffer[],
  writable: readonly PublicKey[],
  readonly: readonly PublicKey[],
): TransactionInstruction {
  const key = (isWritable: boolean) => (pubkey: PublicKey) => ({
    pubkey,
    isWritable,
    isSigner: pubkey.equals(payer.publicKey),
  });
  return new TransactionInstruction({
    programId: loader,
    keys: [...writable.map(key(true)), ...readonly.map(key(false))],
    data: Buffer.concat(data),
  });
}

async function createAccount(space: number): Promise<{ account: Keypair; create: TransactionInstruction }> {
  const account = Keypair.generate();
  const create = SystemProgram.createAccount({
    fromPubkey: payer.publicKey,
    newAccountPubkey: account.publicKey,
    lamports: await connection.getMinimumBalanceForRentExemption(space),
    space,
    programId: loader,
  });
  return { account, create };
}

/** Writes a program's bytes into a buffer account, as the Solana CLI does. */
async function upload(elf: Buffer): Promise<PublicKey> {
  const { account, create } = await createAccount(37 + elf.length);
  const { publicKey } = account;
  await send([create, instruction([u32(tags.initializeBuffer)], [publicKey], [payer.publicKey])], account);
  for (let offset = 0; offset < elf.length; offset += writeAtOnce) {
    const part = elf.subarray(offset, offset + writeAtOnce);
    const data = [u32(tags.write), u32(offset), u64(part.length), part];
    await send([instruction(data, [publicKey], [payer.publicKey])]);
  }
  await localnet.tick();
  return publicKey;
}

test('programs deployed, upgraded and closed by the upgradeable loader survive restarts', async () => {
  const elf = (await connection.getAccountInfo(memoProgram))?.data ?? Buffer.alloc(0);
  const { account: program, create } = await createAccount(36);
  const [programData] = PublicKey.findProgramAddressSync([program.publicKey.toBuffer()], loader);
  const memo = async (text: string) => {
    const call = new TransactionInstruction({ programId: program.publicKey, keys: [], data: Buffer.from(text) });
    const signature = await send([call]);
    const found = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
    return found?.meta?.logMessages?.[2];
  };

  const deploy = instruction(
    [u32(tags.deploy), u64(elf.length)],
    [payer.publicKey, programData, program.publicKey, await upload(elf)],
    [SYSVAR_RENT_PUBKEY, SYSVAR_CLOCK_PUBKEY, SystemProgram.programId, payer.publicKey],
  );
  await send([create, deploy], program);
  await localnet.tick();
  expect(await memo('deployed')).toBe('Program log: deployed');
  await restart();
  expect(await memo('after a restart')).toBe('Program log: after a restart');

  // The other build says another word where this one says Memo.
  const other = Buffer.from(elf.toString('latin1').replace('Memo', 'Oper'), 'latin1');
  expect(other.equals(elf)).toBe(false);
  await send([
    instruction(
      [u32(tags.upgrade)],
      [programData, program.publicKey, await upload(other), payer.publicKey],
      [SYSVAR_RENT_PUBKEY, SYSVAR_CLOCK_PUBKEY, payer.publicKey],
    ),
  ]);
  await localnet.tick();
  const firstLog = async () => {
    const call = new TransactionInstruction({ programId: program.publicKey, keys: [], data: Buffer.from('x') });
    const { transaction } = await signed({ connection, payer, instructions: [call] });
    return (await connection.simulateTransaction(transaction)).value.logs?.[1];
  };
  expect(await firstLog()).toBe('Program log: Oper (len 1)');
  await restart();
  expect(await firstLog()).toBe('Program log: Oper (len 1)');

  const writable = { isSigner: false, isWritable: true };
  const close = new TransactionInstruction({
    programId: loader,
    keys: [
      { pubkey: programData, ...writable },
      { pubkey: payer.publicKey, ...writable },
      { pubkey: payer.publicKey, isSigner: true, isWritable: false },
      { pubkey: program.publicKey, ...writable },
    ],
    data: u32(tags.close),
  });
  await send([close]);
  await localnet.tick();
  await expect(memo('closed')).rejects.toThrow('Unsupported program id');
  await restart();
  await expect(memo('closed')).rejects.toThrow('Unsupported program id');
});
