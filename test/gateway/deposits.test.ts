import { systemClock } from '@karmesh/sdk/clock';
import { addressFromBase58, TOKEN_PROGRAM, toPublicKey } from '@karmesh/sdk/program';
import { logger } from '@karmesh/sdk/runtime';
import {
  Connection,
  Keypair,
  type PublicKey,
  SystemProgram,
  sendAndConfirmTransaction,
  Transaction,
  TransactionInstruction,
} from '@solana/web3.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addDepositOffer, listDeposits } from '../../web/gateway/deposits/depositStore.ts';
import { type DepositHistory, finalHistory, watchDeposits } from '../../web/gateway/deposits/watchDeposits.ts';
import { ledgerAccount } from '../../web/gateway/payments/ledger/accountNames.ts';
import { balanceOf, recompute } from '../../web/gateway/payments/ledger/balances.ts';
import { compareWithChain } from '../../web/gateway/payments/ledger/compareWithChain.ts';
import { addAccount } from '../../web/gateway/store/accounts.ts';
import { openTestDatabase, type TestDatabase } from '../../web/gateway/store/fixtures/testDatabase.ts';
import { type Cluster, startCluster } from '../harness/cluster.ts';

// Deposits on a cluster of their own, credited in the real tables: once each, to whom they name, and nothing that is not final.

let cluster: Cluster;
let connection: Connection;
let database: TestDatabase;
let mint: PublicKey;
let accountId: bigint;

const payer = Keypair.generate();
const wallet = Keypair.generate().publicKey;
const holder = Keypair.generate();
const buyerWallet = Keypair.generate();
const gateway = new Uint8Array(32).fill(9);
const RATE = 2_500_000n;
const signal = AbortSignal.timeout(240_000);
const silent = logger({ name: 'gateway', level: 'silent' })();
const bytesOf = (key: PublicKey): Uint8Array => addressFromBase58(key.toBase58());

const send = (instructions: readonly TransactionInstruction[], signers: readonly Keypair[] = []): Promise<string> =>
  sendAndConfirmTransaction(connection, new Transaction().add(...instructions), [payer, ...signers]);

const token = (keys: readonly (readonly [PublicKey, 'w' | 's' | 'r'])[], data: readonly number[]) =>
  new TransactionInstruction({
    programId: toPublicKey(TOKEN_PROGRAM),
    keys: keys.map(([pubkey, use]) => ({ pubkey, isSigner: use === 's', isWritable: use === 'w' })),
    data: Buffer.from(data),
  });
const u64 = (value: bigint): number[] => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(value);
  return [...out];
};
const created = async (account: Keypair, space: number) =>
  SystemProgram.createAccount({
    fromPubkey: payer.publicKey,
    newAccountPubkey: account.publicKey,
    lamports: await connection.getMinimumBalanceForRentExemption(space),
    space,
    programId: toPublicKey(TOKEN_PROGRAM),
  });

/** A transfer of lamports to the gateway's wallet that names these accounts besides. */
const pay = (lamports: number, named: readonly PublicKey[] = [], from = payer.publicKey): TransactionInstruction => {
  const transfer = SystemProgram.transfer({ fromPubkey: from, toPubkey: wallet, lamports });
  for (const pubkey of named) transfer.keys.push({ pubkey, isSigner: false, isWritable: false });
  return transfer;
};

const watcher = (changed: { readonly history?: DepositHistory } = {}) =>
  watchDeposits({ everyMs: 3_600_000, pageSize: 3 })({
    sql: database.db.sql,
    gateway,
    addresses: { sol: bytesOf(wallet), token: bytesOf(holder.publicKey) },
    ignored: [],
    history: finalHistory(connection, { signal }),
    rates: () => ({ sol: 1_000_000_000n, token: RATE }),
    clock: systemClock,
    log: silent,
    ...changed,
  });
const credit = (): Promise<bigint> => balanceOf(database.db.sql, ledgerAccount.credit(accountId));
const unclaimed = (): Promise<bigint> => balanceOf(database.db.sql, ledgerAccount.unclaimed);

async function offer(asset: 'sol' | 'token', terms: { readonly rate?: bigint; readonly expiresAtMs?: bigint } = {}) {
  const reference = Keypair.generate().publicKey;
  await addDepositOffer(database.db.sql, {
    reference: bytesOf(reference),
    accountId,
    gateway,
    asset,
    rate: terms.rate ?? (asset === 'sol' ? 1_000_000_000n : RATE),
    expiresAtMs: terms.expiresAtMs ?? 2n ** 60n,
    createdAtMs: 0n,
  });
  return reference;
}

beforeAll(async () => {
  cluster = await startCluster();
  connection = new Connection(cluster.rpcUrl, 'confirmed');
  database = await openTestDatabase();
  const airdrop = await connection.requestAirdrop(payer.publicKey, 100_000_000_000);
  await connection.confirmTransaction({ signature: airdrop, ...(await connection.getLatestBlockhash()) });
  const minting = Keypair.generate();
  mint = minting.publicKey;
  const owner = [...payer.publicKey.toBytes()];
  await send(
    [
      await created(minting, 82),
      token([[mint, 'w']], [20, 6, ...owner, 0]),
      await created(holder, 165),
      token(
        [
          [holder.publicKey, 'w'],
          [mint, 'r'],
        ],
        [18, ...wallet.toBytes()],
      ),
      pay(5_000_000),
    ],
    [minting, holder],
  );
  const account = { name: 'buyer', walletAddress: bytesOf(buyerWallet.publicKey), creditLimitLamports: 0n };
  ({ id: accountId } = await addAccount(database.db.sql, { ...account, createdAtMs: 0n }));
}, 240_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

test('what came before the gateway looked for the first time is nobody’s deposit', async () => {
  await using watching = watcher();
  await watching.look();
  expect([await credit(), await unclaimed()]).toEqual([0n, 0n]);
});

test('a deposit is credited to whom its reference names, once, however often and by however many it is seen', async () => {
  const reference = await offer('sol');
  const before = await credit();
  const signature = await send([pay(3_000_000, [reference])]);
  await using first = watcher();
  await using second = watcher();
  await Promise.all([first.look(), second.look(), first.look()]);
  expect(await credit()).toBe(before + 3_000_000n);
  // A node that has forgotten the cursor lists everything again.
  await database.db.sql.updateTable('deposit_cursors').set({ signature: '' }).execute();
  await second.look();
  expect(await credit()).toBe(before + 3_000_000n);
  const [newest] = await listDeposits(database.db.sql, { accountId, limit: 1 });
  expect(newest).toMatchObject({ signature, asset: 'sol', amount: 3_000_000n, lamports: 3_000_000n });
  expect(await recompute(database.db.sql)).toMatchObject({ faults: [], sum: 0n });
});

test('more deposits than a page holds are all credited', async () => {
  const reference = await offer('sol');
  const before = await credit();
  for (let count = 0; count < 8; count++) await send([pay(1_000 + count, [reference])]);
  await using watching = watcher();
  await watching.look();
  expect(await credit()).toBe(before + 8_028n);
});

test('without a reference the wallet that signed says whose it is, and without that it is unclaimed', async () => {
  const before = [await credit(), await unclaimed()] as const;
  await send([
    SystemProgram.transfer({ fromPubkey: payer.publicKey, toPubkey: buyerWallet.publicKey, lamports: 9_000_000 }),
  ]);
  await send([pay(2_000_000, [], buyerWallet.publicKey)], [buyerWallet]);
  await send([pay(700_000)]);
  await using watching = watcher();
  await watching.look();
  expect([await credit(), await unclaimed()]).toEqual([before[0] + 2_000_000n, before[1] + 700_000n]);
});

test('two references in one payment speak for nobody', async () => {
  const before = [await credit(), await unclaimed()] as const;
  await send([pay(11_000, [await offer('sol'), await offer('sol')])]);
  await using watching = watcher();
  await watching.look();
  expect([await credit(), await unclaimed()]).toEqual([before[0], before[1] + 11_000n]);
});

test('a transaction that failed, or that took back what it brought, brings nothing', async () => {
  const reference = await offer('sol');
  const before = [await credit(), await unclaimed()] as const;
  const tooMuch = SystemProgram.transfer({
    fromPubkey: payer.publicKey,
    toPubkey: Keypair.generate().publicKey,
    lamports: 10 ** 15,
  });
  const failing = new Transaction().add(pay(50_000, [reference]), tooMuch);
  const signature = await connection.sendTransaction(failing, [payer], { skipPreflight: true });
  await connection.confirmTransaction({ signature, ...(await connection.getLatestBlockhash()) }).catch(() => undefined);
  await using watching = watcher();
  await watching.look();
  expect([await credit(), await unclaimed()]).toEqual(before);
});

test('tokens are credited at the rate of their offer, and at today’s once it has expired', async () => {
  const before = await credit();
  const [early, late] = [
    await offer('token', { rate: 5_000_000n }),
    await offer('token', { rate: 5_000_000n, expiresAtMs: 1n }),
  ];
  for (const reference of [early, late])
    await send([
      token(
        [
          [mint, 'w'],
          [holder.publicKey, 'w'],
          [payer.publicKey, 's'],
          [reference, 'r'],
        ],
        [7, ...u64(4_000_000n)],
      ),
    ]);
  await using watching = watcher();
  await watching.look();
  // 4,000,000 base units at 5,000,000 and at 2,500,000 lamports for 10^9.
  expect(await credit()).toBe(before + 20_000n + 10_000n);
});

test('a transaction that the node has not got yet holds up those after it, so that none is passed over', async () => {
  const reference = await offer('sol');
  const before = await credit();
  const missing = await send([pay(40_000, [reference])]);
  await send([pay(2_000, [reference])]);
  const real = finalHistory(connection, { signal });
  let isThere = false;
  await using watching = watcher({
    history: {
      ...real,
      transaction: async (asked) => (asked === missing && !isThere ? null : real.transaction(asked)),
    },
  });
  await watching.look();
  expect(await credit()).toBe(before);
  isThere = true;
  await watching.look();
  expect(await credit()).toBe(before + 42_000n);
});

test('a node that is away stops nothing: what came meanwhile is credited once it is back', async () => {
  const reference = await offer('sol');
  const before = await credit();
  const real = finalHistory(connection, { signal });
  let isAway = true;
  const away = (): void => {
    if (isAway) throw new Error('The node is away.');
  };
  await using watching = watcher({
    history: {
      signatures: async (...asked) => {
        away();
        return real.signatures(...asked);
      },
      transaction: real.transaction,
    },
  });
  await send([pay(6_000, [reference])]);
  await expect(watching.look()).rejects.toThrow('away');
  isAway = false;
  await watching.look();
  expect(await credit()).toBe(before + 6_000n);
});

/** The ledger beside the cluster's own history of both addresses; no escrow has paid anything here. */
const compared = (options: { readonly newest?: number } = {}) =>
  compareWithChain(
    database.db.sql,
    {
      history: finalHistory(connection, { signal }),
      cumulativeDebit: async () => undefined,
      lastFinalisedEpoch: async () => undefined,
    },
    { ignored: [], ...options },
  );

test('the ledger has what the chain has, and the comparison says where it has not', async () => {
  {
    await using watching = watcher();
    await watching.look();
  }
  const { sql } = database.db;
  const whole = await compared();
  expect(whole).toEqual({ escrows: [], transactions: expect.any(Number), differences: [] });
  const [newest, ...older] = (await listDeposits(sql, { accountId, limit: 100 })).filter(
    ({ asset }) => asset === 'sol',
  );
  const oldest = older.at(-1);
  if (newest === undefined || oldest === undefined) throw new Error('There are deposits.');
  expect(whole.transactions).toBeGreaterThan(older.length);

  const row = await sql
    .selectFrom('deposits')
    .selectAll()
    .where('signature', '=', oldest.signature)
    .executeTakeFirstOrThrow();
  const isMissing = { check: 'deposit-on-chain', about: oldest.signature, ledger: 0n, found: oldest.amount };
  await sql.deleteFrom('deposits').where('signature', '=', oldest.signature).execute();
  expect((await compared()).differences).toEqual([isMissing]);
  // Further back than so many nobody looks.
  expect((await compared({ newest: 3 })).differences).toEqual([]);
  await sql
    .insertInto('deposits')
    .values({ ...row, amount: '1' })
    .execute();
  expect((await compared()).differences).toEqual([{ ...isMissing, ledger: 1n }]);
  await sql.updateTable('deposits').set({ amount: row.amount }).where('signature', '=', oldest.signature).execute();

  // What never was on the chain, now and long ago.
  const made = { ...row, signature: '5'.repeat(88), at_ms: BigInt(systemClock.nowMs()) };
  await sql.insertInto('deposits').values(made).execute();
  const isMade = { check: 'deposit-on-chain', about: made.signature, ledger: oldest.amount, found: 0n };
  expect((await compared()).differences).toEqual([isMade]);
  expect((await compared({ newest: 3 })).differences).toEqual([isMade]);
  await sql.updateTable('deposits').set({ at_ms: 1n }).where('signature', '=', made.signature).execute();
  expect((await compared()).differences).toEqual([isMade]);
  expect((await compared({ newest: 3 })).differences).toEqual([]);
  await sql.deleteFrom('deposits').where('signature', '=', made.signature).execute();

  // The tables say that they have read further than the node has.
  const cursors = sql.updateTable('deposit_cursors').where('asset', '=', 'sol');
  await cursors.set({ signature: made.signature }).execute();
  await expect(compared()).rejects.toMatchObject({ code: 'RPC_FAILED' });
  await cursors.set({ signature: newest.signature }).execute();
  // What came after where they are is not read yet, and no difference.
  expect((await compared()).differences).toEqual([]);
});
