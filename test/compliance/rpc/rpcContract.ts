import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AnchorProvider, Wallet } from '@coral-xyz/anchor';
import {
  AddressLookupTableAccount,
  AddressLookupTableProgram,
  ComputeBudgetProgram,
  Connection,
  Ed25519Program,
  Keypair,
  PublicKey,
  Secp256k1Program,
  SendTransactionError,
  SYSVAR_CLOCK_PUBKEY,
  SYSVAR_SLOT_HASHES_PUBKEY,
  SystemProgram,
  sendAndConfirmTransaction,
  Transaction,
  TransactionInstruction,
  TransactionMessage,
  VersionedTransaction,
} from '@solana/web3.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, type ClusterKind, startCluster } from '../../harness/cluster.ts';
import { rpcCall, rpcPost } from './rpcCall.ts';
import { fundedWallet, signed, transfer } from './wallet.ts';

const tokenProgram = new PublicKey('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA');
const memoProgram = new PublicKey('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr');
const secp256r1Program = new PublicKey('Secp256r1SigVerify1111111111111111111111111');
const sendOptions = { encoding: 'base64', preflightCommitment: 'confirmed' };
const confirmed = { encoding: 'base64', commitment: 'confirmed' };

/** Fields of a failed simulation that hold nothing, which both clusters must show. */
const emptySimulation = {
  accounts: null,
  innerInstructions: null,
  loadedAddresses: null,
  postBalances: null,
  postTokenBalances: null,
  preBalances: null,
  preTokenBalances: null,
  replacementBlockhash: null,
  returnData: null,
};

/** What any cluster that Karmesh runs on must do, and what localnet and a real validator must agree on. */
export function rpcContract(kind: ClusterKind): void {
  let cluster: Cluster;
  let connection: Connection;
  let payer: Keypair;
  let programFolder: string;
  const loadedProgram = Keypair.generate().publicKey;

  beforeAll(async () => {
    programFolder = await mkdtemp(join(tmpdir(), 'karmesh-rpc-'));
    const path = join(programFolder, 'memo.so');
    await writeFile(path, await memoElf());
    cluster = await startCluster({ kind, programs: [{ id: loadedProgram.toBase58(), path }] });
    connection = new Connection(cluster.rpcUrl, { commitment: 'confirmed', wsEndpoint: cluster.wsUrl });
    payer = await fundedWallet(connection, 50_000_000_000);
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await rm(programFolder, { recursive: true, force: true });
  });

  const call = (method: string, ...params: readonly unknown[]) => rpcCall(cluster.rpcUrl, method, params);
  const simulationError = async (base64: string, options: object = sendOptions) => {
    const { error } = await call('sendTransaction', base64, options);
    const { loadedAccountsDataSize: _, ...data } = (error?.data ?? {}) as Record<string, unknown>;
    return { ...error, data };
  };
  const make = (...instructions: readonly TransactionInstruction[]) => signed({ connection, payer, instructions });

  describe('cluster', () => {
    test('asks the rent of SIMD-0194', async () => {
      const sizes = [0, 1, 128, 165, 640, 10_485_760];
      const minimums = await Promise.all(sizes.map((size) => connection.getMinimumBalanceForRentExemption(size)));
      expect(minimums).toEqual([890_880, 897_840, 1_781_760, 2_039_280, 5_345_280, 72_981_780_480]);
    });

    test('says who and where it is', async () => {
      expect(await call('getHealth')).toEqual({ result: 'ok' });
      expect(await connection.getVersion()).toEqual({
        'feature-set': expect.any(Number),
        'solana-core': expect.stringMatching(/^\d+\.\d+\.\d+$/),
      });
      expect(new PublicKey(await connection.getGenesisHash()).toBytes()).toHaveLength(32);
      const { result } = await call('getIdentity');
      expect(await connection.getSlotLeader()).toEqual((result as { identity: string }).identity);
      expect(await call('getFirstAvailableBlock')).toEqual({ result: 0 });
      expect(await connection.getEpochSchedule()).toMatchObject({
        firstNormalEpoch: 0,
        firstNormalSlot: 0,
        slotsPerEpoch: 432_000,
        warmup: false,
      });
      const info = await connection.getEpochInfo();
      expect(info).toEqual({
        absoluteSlot: info.absoluteSlot,
        blockHeight: info.absoluteSlot,
        epoch: 0,
        slotIndex: info.absoluteSlot,
        slotsInEpoch: 432_000,
        transactionCount: expect.any(Number),
      });
    });

    test('makes slots one after the other, and tells of each', async () => {
      const slots: { slot: number; parent: number }[] = [];
      const seen = Promise.withResolvers<void>();
      const id = connection.onSlotChange(({ slot, parent }) => {
        slots.push({ slot, parent });
        if (slots.length === 5) seen.resolve();
      });
      await seen.promise;
      await connection.removeSlotChangeListener(id);
      const [first] = slots;
      expect(slots).toEqual(
        slots.map((_, index) => ({ slot: (first?.slot ?? 0) + index, parent: (first?.slot ?? 0) + index - 1 })),
      );
      expect(await connection.getBlockHeight()).toBeGreaterThanOrEqual(first?.slot ?? 0);
    });

    test('fills SlotHashes as programs read it', async () => {
      const read = async () => {
        const accounts = await connection.getMultipleAccountsInfo(
          [SYSVAR_SLOT_HASHES_PUBKEY, SYSVAR_CLOCK_PUBKEY],
          'processed',
        );
        const [hashes, clock] = accounts.map((account) => account?.data ?? Buffer.alloc(0));
        return { hashes: hashes ?? Buffer.alloc(0), slot: Number(clock?.readBigUInt64LE(0)) };
      };
      const entriesOf = (data: Buffer) =>
        Array.from({ length: Number(data.readBigUInt64LE(0)) }, (_, index) => ({
          slot: Number(data.readBigUInt64LE(8 + 40 * index)),
          hash: data.toString('hex', 16 + 40 * index, 48 + 40 * index),
        }));
      const first = await read();
      expect(first.hashes).toHaveLength(20_488);
      const entries = entriesOf(first.hashes);
      // Newest first, beginning with the parent of the running slot, none left out on a cluster of one.
      expect(entries.map(({ slot }) => slot)).toEqual(entries.map((_, index) => first.slot - 1 - index));
      expect(new Set(entries.map(({ hash }) => hash)).size).toBe(entries.length);
      expect(first.hashes.subarray(8 + 40 * entries.length).every((byte) => byte === 0)).toBe(true);

      await nextSlot(connection);
      const later = new Map(entriesOf((await read()).hashes).map(({ slot, hash }) => [slot, hash]));
      expect(entries.map(({ slot }) => later.get(slot))).toEqual(entries.map(({ hash }) => hash));
    });

    test('keeps time', async () => {
      const clock = await connection.getAccountInfo(SYSVAR_CLOCK_PUBKEY);
      const unixTimestamp = Number(clock?.data.readBigInt64LE(32));
      expect(Math.abs(unixTimestamp - Date.now() / 1_000)).toBeLessThan(60);
      const slot = await connection.getSlot('finalized');
      expect(Math.abs(((await connection.getBlockTime(slot)) ?? 0) - Date.now() / 1_000)).toBeLessThan(60);
      expect(await call('getBlockTime', 1_000_000_000)).toEqual({
        error: { code: -32_004, message: 'Block not available for slot 1000000000' },
      });
    });
  });

  describe('transactions', () => {
    test('airdrops', async () => {
      const to = Keypair.generate().publicKey;
      const latest = await connection.getLatestBlockhash();
      const signature = await connection.requestAirdrop(to, 1_000_000_000);
      expect((await connection.confirmTransaction({ signature, ...latest })).value).toEqual({ err: null });
      expect(await connection.getBalance(to)).toBe(1_000_000_000);
      expect((await call('requestAirdrop', to.toBase58(), -1)).error?.code).toBe(-32_602);
      expect((await call('requestAirdrop', 'nobody', 1)).error?.code).toBe(-32_602);
    });

    test('transfers, and keeps the record', async () => {
      const to = Keypair.generate().publicKey;
      const before = await connection.getBalance(payer.publicKey);
      const transaction = new Transaction().add(transfer(payer.publicKey, to, 1_000_000));
      const signature = await sendAndConfirmTransaction(connection, transaction, [payer]);
      expect(await connection.getBalance(to)).toBe(1_000_000);
      expect(await connection.getBalance(payer.publicKey)).toBe(before - 1_005_000);

      const { value } = await connection.getSignatureStatus(signature);
      expect(value).toMatchObject({ err: null, status: { Ok: null } });
      expect(['confirmed', 'finalized']).toContain(value?.confirmationStatus);

      const found = await call('getTransaction', signature, {
        encoding: 'json',
        commitment: 'confirmed',
        maxSupportedTransactionVersion: 0,
      });
      const { costUnits: _, ...meta } = (found.result as { meta: Record<string, unknown> }).meta;
      expect({ ...(found.result as object), meta }).toMatchObject({
        blockTime: expect.any(Number),
        slot: value?.slot,
        version: 'legacy',
        transaction: {
          signatures: [signature],
          message: {
            accountKeys: [payer.publicKey.toBase58(), to.toBase58(), SystemProgram.programId.toBase58()],
            header: { numReadonlySignedAccounts: 0, numReadonlyUnsignedAccounts: 1, numRequiredSignatures: 1 },
            instructions: [{ accounts: [0, 1], data: '3Bxs4Bc3VYuGVB19', programIdIndex: 2, stackHeight: 1 }],
            recentBlockhash: transaction.recentBlockhash,
          },
        },
      });
      expect(meta).toEqual({
        computeUnitsConsumed: 150,
        err: null,
        fee: 5_000,
        innerInstructions: [],
        loadedAddresses: { readonly: [], writable: [] },
        logMessages: [
          'Program 11111111111111111111111111111111 invoke [1]',
          'Program 11111111111111111111111111111111 success',
        ],
        postBalances: [before - 1_005_000, 1_000_000, 1],
        postTokenBalances: [],
        preBalances: [before, 0, 1],
        preTokenBalances: [],
        rewards: [],
        status: { Ok: null },
      });

      const raw = await call('getTransaction', signature, { encoding: 'base64', commitment: 'confirmed' });
      expect(raw.result).toMatchObject({ transaction: [transaction.serialize().toString('base64'), 'base64'] });
      expect(await connection.getSignaturesForAddress(to)).toMatchObject([
        { signature, slot: value?.slot, err: null, memo: null, blockTime: expect.any(Number) },
      ]);
      expect(await connection.getSignaturesForAddress(to, { until: signature })).toEqual([]);
      expect(await call('getTransaction', signature, { commitment: 'processed' })).toEqual({
        error: { code: -32_602, message: 'Method does not support commitment below `confirmed`' },
      });
    });

    test('knows nothing of a signature that never was', async () => {
      const never = '1'.repeat(64);
      expect(await connection.getSignatureStatuses([never])).toMatchObject({ value: [null] });
      expect(await connection.getTransaction(never, { maxSupportedTransactionVersion: 0 })).toBeNull();
    });

    test('fails a transaction in preflight with its logs, without a fee', async () => {
      const before = await connection.getBalance(payer.publicKey);
      const logs = [
        'Program 11111111111111111111111111111111 invoke [1]',
        `Transfer: insufficient lamports ${before - 5_000}, need 1000000000000000`,
        'Program 11111111111111111111111111111111 failed: custom program error: 0x1',
      ];
      const bad = transfer(payer.publicKey, Keypair.generate().publicKey, 1_000_000_000_000_000);
      expect(await simulationError((await make(bad)).base64)).toEqual({
        code: -32_002,
        message: 'Transaction simulation failed: Error processing Instruction 0: custom program error: 0x1',
        data: {
          ...emptySimulation,
          err: { InstructionError: [0, { Custom: 1 }] },
          fee: 5_000,
          logs,
          unitsConsumed: 150,
        },
      });
      const thrown = await sendAndConfirmTransaction(connection, new Transaction().add(bad), [payer]).catch((e) => e);
      expect(thrown).toBeInstanceOf(SendTransactionError);
      expect((thrown as SendTransactionError).logs).toEqual(logs);
      expect(await connection.getBalance(payer.publicKey)).toBe(before);
    });

    test('lands a failed transaction that skips preflight, and takes its fee', async () => {
      const before = await connection.getBalance(payer.publicKey);
      const bad = await make(transfer(payer.publicKey, Keypair.generate().publicKey, 1_000_000_000_000_000));
      const signature = await connection.sendRawTransaction(bad.transaction.serialize(), { skipPreflight: true });
      const err = { InstructionError: [0, { Custom: 1 }] };
      const confirmation = await connection.confirmTransaction({
        signature,
        blockhash: bad.transaction.recentBlockhash ?? '',
        lastValidBlockHeight: bad.lastValidBlockHeight,
      });
      expect(confirmation.value).toEqual({ err });
      const found = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
      expect(found?.meta).toMatchObject({ err, fee: 5_000, status: { Err: err } });
      expect(await connection.getSignatureStatus(signature)).toMatchObject({ value: { err, status: { Err: err } } });
      expect(await connection.getBalance(payer.publicKey)).toBe(before - 5_000);
    });

    test('takes a transaction once', async () => {
      const good = await make(transfer(payer.publicKey, Keypair.generate().publicKey, 1_000_000));
      await sendSigned(connection, good);
      expect(await simulationError(good.base64)).toEqual({
        code: -32_002,
        message: 'Transaction simulation failed: This transaction has already been processed',
        data: { ...emptySimulation, err: 'AlreadyProcessed', fee: null, logs: [], unitsConsumed: 0 },
      });
      const before = await connection.getBalance(payer.publicKey);
      await connection.sendRawTransaction(good.transaction.serialize(), { skipPreflight: true });
      await nextSlot(connection);
      expect(await connection.getBalance(payer.publicKey)).toBe(before);
    });

    test('refuses a blockhash that it never made', async () => {
      const old = await signed({
        connection,
        payer,
        instructions: [transfer(payer.publicKey, payer.publicKey, 1)],
        blockhash: Keypair.generate().publicKey.toBase58(),
      });
      expect(await simulationError(old.base64)).toEqual({
        code: -32_002,
        message: 'Transaction simulation failed: Blockhash not found',
        data: { ...emptySimulation, err: 'BlockhashNotFound', fee: null, logs: [], unitsConsumed: 0 },
      });
      const blockhash = old.transaction.recentBlockhash ?? '';
      expect((await connection.isBlockhashValid(blockhash)).value).toBe(false);
      const latest = await connection.getLatestBlockhash();
      expect((await connection.isBlockhashValid(latest.blockhash)).value).toBe(true);
      const height = await connection.getBlockHeight();
      expect(latest.lastValidBlockHeight - height).toBeGreaterThan(140);
      expect(latest.lastValidBlockHeight - height).toBeLessThanOrEqual(150);
    });

    test('refuses a signature that does not hold', async () => {
      const { transaction } = await make(transfer(payer.publicKey, payer.publicKey, 1));
      const bytes = transaction.serialize();
      bytes.writeUInt8(bytes.readUInt8(10) ^ 1, 10);
      expect(await simulationError(bytes.toString('base64'))).toEqual({
        code: -32_002,
        message: 'Transaction simulation failed: Transaction did not pass signature verification',
        data: { ...emptySimulation, err: 'SignatureFailure', fee: null, logs: [], unitsConsumed: 0 },
      });
    });

    test('refuses what a cluster does not execute', async () => {
      const nobody = Keypair.generate();
      const poor = await signed({
        connection,
        payer: nobody,
        instructions: [transfer(nobody.publicKey, payer.publicKey, 1)],
      });
      const dust = await make(transfer(payer.publicKey, Keypair.generate().publicKey, 10));
      const noProgram = await make(instructionOf(Keypair.generate().publicKey));
      const notProgram = await make(instructionOf(payer.publicKey, payer.publicKey));
      const errors: unknown[] = [];
      for (const { base64 } of [poor, dust, noProgram]) {
        const { code, message, data } = await simulationError(base64);
        errors.push({ code, message, err: data.err });
      }
      expect(errors).toEqual([
        {
          code: -32_002,
          message: 'Transaction simulation failed: Attempt to debit an account but found no record of a prior credit.',
          err: 'AccountNotFound',
        },
        {
          code: -32_002,
          message:
            'Transaction simulation failed: Transaction results in an account (1) with insufficient funds for rent',
          err: { InsufficientFundsForRent: { account_index: 1 } },
        },
        {
          code: -32_002,
          message: 'Transaction simulation failed: Attempt to load a program that does not exist',
          err: 'ProgramAccountNotFound',
        },
      ]);
      // The fee's payer as program is refused before anything is looked up.
      expect((await call('sendTransaction', notProgram.base64, sendOptions)).error).toEqual({
        code: -32_602,
        message: 'invalid transaction: Transaction failed to sanitize accounts offsets correctly',
      });
    });

    test('refuses bytes that are no transaction', async () => {
      const good = (await make(transfer(payer.publicKey, payer.publicKey, 1))).transaction.serialize();
      const codes: unknown[] = [];
      for (const bytes of [Buffer.from([0, 0, 0]), good.subarray(0, 100), Buffer.alloc(1_233), Buffer.alloc(1_300)]) {
        codes.push((await call('sendTransaction', bytes.toString('base64'), sendOptions)).error?.code);
      }
      codes.push((await call('sendTransaction', '@@@', sendOptions)).error?.code);
      codes.push((await call('sendTransaction')).error?.code);
      expect(codes).toEqual([-32_602, -32_602, -32_602, -32_602, -32_602, -32_602]);
    });

    test('simulates without effect', async () => {
      const to = Keypair.generate().publicKey;
      const { base64 } = await make(transfer(payer.publicKey, to, 1_000_000));
      const { result } = await call('simulateTransaction', base64, {
        ...confirmed,
        accounts: { encoding: 'base64', addresses: [to.toBase58()] },
      });
      expect((result as { value: unknown }).value).toMatchObject({
        accounts: [
          {
            data: ['', 'base64'],
            executable: false,
            lamports: 1_000_000,
            owner: SystemProgram.programId.toBase58(),
            space: 0,
          },
        ],
        err: null,
        fee: 5_000,
        logs: [
          'Program 11111111111111111111111111111111 invoke [1]',
          'Program 11111111111111111111111111111111 success',
        ],
        replacementBlockhash: null,
        returnData: null,
        unitsConsumed: 150,
      });
      expect(await connection.getBalance(to)).toBe(0);

      const stale = await signed({
        connection,
        payer,
        instructions: [transfer(payer.publicKey, to, 1_000_000)],
        blockhash: Keypair.generate().publicKey.toBase58(),
      });
      const replaced = await call('simulateTransaction', stale.base64, { ...confirmed, replaceRecentBlockhash: true });
      expect((replaced.result as { value: unknown }).value).toMatchObject({
        err: null,
        replacementBlockhash: { blockhash: expect.any(String), lastValidBlockHeight: expect.any(Number) },
      });
      const both = { ...confirmed, replaceRecentBlockhash: true, sigVerify: true };
      expect(await call('simulateTransaction', stale.base64, both)).toEqual({
        error: { code: -32_602, message: 'sigVerify may not be used with replaceRecentBlockhash' },
      });
    });

    test('prices a message as it then charges', async () => {
      const { transaction } = await make(
        ComputeBudgetProgram.setComputeUnitPrice({ microLamports: 1_000_000 }),
        ComputeBudgetProgram.setComputeUnitLimit({ units: 20_000 }),
        Ed25519Program.createInstructionWithPrivateKey({ privateKey: payer.secretKey, message: Buffer.from('karma') }),
        transfer(payer.publicKey, payer.publicKey, 1),
      );
      const fee = await connection.getFeeForMessage(transaction.compileMessage(), 'confirmed');
      expect(fee.value).toBe(2 * 5_000 + 20_000);
      const before = await connection.getBalance(payer.publicKey);
      await sendSigned(connection, { transaction });
      expect(await connection.getBalance(payer.publicKey)).toBe(before - (fee.value ?? 0));
    });

    test('verifies signatures by precompiles', async () => {
      const message = Buffer.from('karma');
      const ed25519 = Ed25519Program.createInstructionWithPrivateKey({ privateKey: payer.secretKey, message });
      const secp256k1 = Secp256k1Program.createInstructionWithPrivateKey({ privateKey: Buffer.alloc(32, 7), message });
      const secp256r1 = secp256r1Instruction(message);
      await sendSigned(
        connection,
        await make(ed25519, { ...secp256k1, data: reindexed(secp256k1.data, 1) }, secp256r1),
      );
      for (const instruction of [ed25519, secp256k1, secp256r1]) {
        const data = Buffer.from(instruction.data);
        data.writeUInt8(data.readUInt8(data.length - 1) ^ 1, data.length - 1);
        const { data: failure } = await simulationError((await make({ ...instruction, data })).base64);
        expect(failure.err).toEqual({ InstructionError: [0, { Custom: expect.any(Number) }] });
      }
    });

    test('runs a program that was there from the first slot', async () => {
      const memo = new TransactionInstruction({ programId: loadedProgram, keys: [], data: Buffer.from('hello') });
      const signature = await sendSigned(connection, await make(memo));
      const found = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
      expect(found?.meta?.logMessages?.filter((line) => !line.includes('consumed'))).toEqual([
        `Program ${loadedProgram.toBase58()} invoke [1]`,
        'Program log: Memo (len 5)',
        'Program log: hello',
        `Program ${loadedProgram.toBase58()} success`,
      ]);
      expect(await connection.getAccountInfo(loadedProgram)).toMatchObject({ executable: true });
    });

    test('loads accounts from a lookup table into a version 0 transaction', async () => {
      const slot = await connection.getSlot('finalized');
      const [create, table] = AddressLookupTableProgram.createLookupTable({
        authority: payer.publicKey,
        payer: payer.publicKey,
        recentSlot: slot,
      });
      const to = Keypair.generate().publicKey;
      const extend = AddressLookupTableProgram.extendLookupTable({
        authority: payer.publicKey,
        payer: payer.publicKey,
        lookupTable: table,
        addresses: [to],
      });
      await sendSigned(connection, await make(create, extend));
      // A table's new addresses can be used from the next slot on.
      await nextSlot(connection);
      await nextSlot(connection);
      const account = await connection.getAccountInfo(table);
      const state = AddressLookupTableAccount.deserialize(account?.data ?? Buffer.alloc(0));
      expect(state.addresses).toEqual([to]);

      const latest = await connection.getLatestBlockhash();
      const message = new TransactionMessage({
        payerKey: payer.publicKey,
        recentBlockhash: latest.blockhash,
        instructions: [transfer(payer.publicKey, to, 1_000_000)],
      }).compileToV0Message([new AddressLookupTableAccount({ key: table, state })]);
      const transaction = new VersionedTransaction(message);
      transaction.sign([payer]);
      const signature = await connection.sendTransaction(transaction);
      expect((await connection.confirmTransaction({ signature, ...latest })).value).toEqual({ err: null });
      expect(await connection.getBalance(to)).toBe(1_000_000);
      const found = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
      expect(found?.version).toBe(0);
      expect(found?.meta?.loadedAddresses).toEqual({ readonly: [], writable: [to] });
      expect((await call('getTransaction', signature, { commitment: 'confirmed' })).error?.code).toBe(-32_015);
    });

    test('serves Anchor’s provider', async () => {
      const provider = new AnchorProvider(connection, new Wallet(payer), { commitment: 'confirmed' });
      const to = Keypair.generate().publicKey;
      const signature = await provider.sendAndConfirm(new Transaction().add(transfer(payer.publicKey, to, 1_000_000)));
      expect(await connection.getSignatureStatus(signature)).toMatchObject({ value: { err: null } });
      const bad = new Transaction().add(transfer(payer.publicKey, to, 1_000_000_000_000_000));
      await expect(provider.sendAndConfirm(bad)).rejects.toThrow('custom program error: 0x1');
    });
  });

  describe('accounts', () => {
    test('shows an account in every encoding', async () => {
      const mint = await createMint(connection, payer);
      const data = (await connection.getAccountInfo(mint))?.data ?? Buffer.alloc(0);
      expect(data).toHaveLength(82);
      expect(data.subarray(4, 36)).toEqual(payer.publicKey.toBuffer());
      const shown = async (options: object) => {
        const { result } = await call('getAccountInfo', mint.toBase58(), { commitment: 'confirmed', ...options });
        return (result as { value: { data: unknown } }).value;
      };
      expect(await shown({ encoding: 'base64' })).toEqual({
        data: [data.toString('base64'), 'base64'],
        executable: false,
        lamports: 1_461_600,
        owner: tokenProgram.toBase58(),
        // u64's maximum, as a double.
        rentEpoch: 18_446_744_073_709_552_000,
        space: 82,
      });
      const slice = { dataSlice: { offset: 4, length: 32 } };
      expect((await shown({ encoding: 'base58', ...slice })).data).toEqual([payer.publicKey.toBase58(), 'base58']);
      expect((await shown(slice)).data).toEqual(payer.publicKey.toBase58());
      expect(
        (await call('getAccountInfo', SYSVAR_SLOT_HASHES_PUBKEY.toBase58(), { encoding: 'base58' })).error,
      ).toEqual({
        code: -32_600,
        message: 'Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding.',
      });
    });

    test('shows several in the order of the question', async () => {
      const nobody = Keypair.generate().publicKey;
      const [first, second] = await connection.getMultipleAccountsInfo([nobody, payer.publicKey]);
      expect(first).toBeNull();
      expect(second).toMatchObject({ owner: SystemProgram.programId, executable: false });
      expect((await connection.getAccountInfo(nobody)) ?? 'none').toBe('none');
      expect(await connection.getBalance(nobody)).toBe(0);
      expect(await call('getMultipleAccounts', Array(101).fill(nobody.toBase58()))).toEqual({
        error: { code: -32_602, message: 'Too many inputs provided; max 100' },
      });
    });

    test('refuses addresses that are none, and a slot that has not come', async () => {
      expect(await call('getAccountInfo', 'xyz')).toEqual({
        error: { code: -32_602, message: 'Invalid param: WrongSize' },
      });
      expect(await call('getAccountInfo', '0OIl')).toEqual({
        error: { code: -32_602, message: 'Invalid param: Invalid' },
      });
      expect(await call('getAccountInfo')).toEqual({
        error: { code: -32_602, message: '`params` should have at least 1 argument(s)' },
      });
      const late = await call('getBalance', payer.publicKey.toBase58(), {
        ...confirmed,
        minContextSlot: 1_000_000_000,
      });
      expect(late.error).toEqual({
        code: -32_016,
        message: 'Minimum context slot has not been reached',
        data: { contextSlot: expect.any(Number) },
      });
    });

    test('finds a program’s accounts by size and content', async () => {
      const other = await fundedWallet(connection);
      const mint = await createMint(connection, other);
      const authority = { memcmp: { offset: 4, bytes: other.publicKey.toBase58() } };
      const keysOf = async (...filters: readonly object[]) => {
        const found = await connection.getProgramAccounts(tokenProgram, { filters: filters as never });
        return found.map(({ pubkey }) => pubkey.toBase58());
      };
      expect(await keysOf({ dataSize: 82 }, authority)).toEqual([mint.toBase58()]);
      expect(await keysOf(authority)).toEqual([mint.toBase58()]);
      expect(await keysOf({ dataSize: 165 }, authority)).toEqual([]);
      expect(await keysOf({ dataSize: 82 })).toContain(mint.toBase58());
      const base64 = other.publicKey.toBuffer().toString('base64');
      expect(await keysOf({ memcmp: { offset: 4, bytes: base64, encoding: 'base64' } })).toEqual([mint.toBase58()]);
      // A comparison that runs past an account's end does not hold.
      expect(await keysOf({ memcmp: { offset: 60, bytes: other.publicKey.toBase58() } })).toEqual([]);

      const { result } = await call('getProgramAccounts', tokenProgram.toBase58(), {
        ...confirmed,
        filters: [authority],
        dataSlice: { offset: 4, length: 2 },
        withContext: true,
      });
      expect(result).toMatchObject({
        context: { slot: expect.any(Number) },
        value: [
          {
            pubkey: mint.toBase58(),
            account: { data: [other.publicKey.toBuffer().subarray(0, 2).toString('base64'), 'base64'], space: 82 },
          },
        ],
      });
      const many = { ...confirmed, filters: Array(5).fill({ dataSize: 82 }) };
      expect(await call('getProgramAccounts', tokenProgram.toBase58(), many)).toEqual({
        error: { code: -32_602, message: 'Too many filters provided; max 4' },
      });
    });
  });

  describe('subscriptions', () => {
    test('tells of accounts, programs, logs and signatures', async () => {
      const to = Keypair.generate().publicKey;
      const mint = Keypair.generate();
      const account = Promise.withResolvers<number>();
      const program = Promise.withResolvers<string>();
      const logs = Promise.withResolvers<{ signature: string; err: unknown; logs: readonly string[] }>();
      const ids = [
        connection.onAccountChange(to, ({ lamports }) => account.resolve(lamports)),
        connection.onLogs(to, (told) => logs.resolve(told)),
        connection.onProgramAccountChange(tokenProgram, ({ accountId }) => program.resolve(accountId.toBase58()), {
          filters: [{ memcmp: { offset: 4, bytes: payer.publicKey.toBase58() } }],
        }),
      ] as const;
      await subscribed(connection, ids);
      const sent = await signed({
        connection,
        payer,
        signers: [mint],
        instructions: [
          transfer(payer.publicKey, to, 1_000_000),
          ...(await mintInstructions(connection, payer.publicKey, mint.publicKey)),
        ],
      });
      const signature = await sendSigned(connection, sent);
      expect(await account.promise).toBe(1_000_000);
      expect(await program.promise).toBe(mint.publicKey.toBase58());
      expect(await logs.promise).toMatchObject({ signature, err: null });
      expect((await logs.promise).logs[0]).toBe('Program 11111111111111111111111111111111 invoke [1]');

      // A signature that has already landed is told at once.
      const told = Promise.withResolvers<unknown>();
      connection.onSignature(signature, (result) => told.resolve(result));
      expect(await told.promise).toEqual({ err: null });
      await connection.removeAccountChangeListener(ids[0]);
      await connection.removeOnLogsListener(ids[1]);
      await connection.removeProgramAccountChangeListener(ids[2]);
    });

    test('answers wrong subscriptions as a validator does', async () => {
      const answers = await socketAnswers(cluster.wsUrl, [
        { jsonrpc: '2.0', id: 1, method: 'logsSubscribe', params: [{ mentions: ['a', 'b'] }] },
        { jsonrpc: '2.0', id: 2, method: 'nope', params: [] },
        { jsonrpc: '2.0', id: 3, method: 'slotUnsubscribe', params: [999_999] },
        { jsonrpc: '2.0', method: 'ping' },
        '{',
        { jsonrpc: '2.0', id: 4, method: 'rootSubscribe' },
      ]);
      expect(answers).toEqual([
        { jsonrpc: '2.0', error: { code: -32_602, message: 'Invalid Request: Only 1 address supported' }, id: 1 },
        { jsonrpc: '2.0', error: { code: -32_601, message: 'Method not found' }, id: 2 },
        { jsonrpc: '2.0', error: { code: -32_602, message: 'Invalid subscription id.' }, id: 3 },
        { jsonrpc: '2.0', error: { code: -32_700, message: 'Parse error' }, id: null },
        { jsonrpc: '2.0', result: expect.any(Number), id: 4 },
      ]);
    });
  });

  describe('HTTP', () => {
    const health = { jsonrpc: '2.0', id: 1, method: 'getHealth' };
    const post = (body: string, headers?: Readonly<Record<string, string>>) => rpcPost(cluster.rpcUrl, body, headers);

    test('answers JSON-RPC, single and in batches', async () => {
      const ok = { jsonrpc: '2.0', result: 'ok', id: 1 };
      const parseError = { jsonrpc: '2.0', error: { code: -32_700, message: 'Parse error' }, id: null };
      const answers: unknown[] = [];
      for (const body of [
        JSON.stringify(health),
        JSON.stringify([health, { ...health, id: 'two' }]),
        JSON.stringify({ ...health, id: 1, method: 'nope' }),
        JSON.stringify({ ...health, method: 'getSlot', params: { a: 1 } }),
        JSON.stringify({ id: 1, method: 'getHealth' }),
        JSON.stringify({ jsonrpc: '2.0', id: 1 }),
        '{',
        '"text"',
        '[5]',
      ]) {
        answers.push(JSON.parse((await post(body)).body));
      }
      expect(answers).toEqual([
        ok,
        [ok, { ...ok, id: 'two' }],
        { jsonrpc: '2.0', error: { code: -32_601, message: 'Method not found' }, id: 1 },
        { jsonrpc: '2.0', error: { code: -32_602, message: '`params` should be an array' }, id: 1 },
        { error: { code: -32_600, message: 'Unsupported JSON-RPC protocol version' }, id: 1 },
        { jsonrpc: '2.0', error: { code: -32_600, message: 'Invalid request' }, id: 1 },
        parseError,
        parseError,
        parseError,
      ]);
      expect(await post(JSON.stringify({ jsonrpc: '2.0', method: 'getHealth' }))).toEqual({ status: 200, body: '' });
      expect(await post('[]')).toEqual({ status: 200, body: '' });
    });

    test('bounds and checks requests', async () => {
      expect((await post('x'.repeat(60_000))).status).toBe(413);
      expect((await post(JSON.stringify(health), { 'content-type': 'text/plain' })).status).toBe(415);
      expect((await fetch(cluster.rpcUrl)).status).toBe(405);
      expect(await (await fetch(`${cluster.rpcUrl}/health`)).text()).toBe('ok');
    });

    test('lets pages in browsers call it', async () => {
      const preflight = await fetch(cluster.rpcUrl, {
        method: 'OPTIONS',
        headers: {
          origin: 'http://localhost:5173',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type',
        },
      });
      expect(preflight.status).toBe(200);
      expect(preflight.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
      expect(preflight.headers.get('access-control-allow-headers')).toContain('content-type');
    });
  });
}

/** SPL Memo's ELF, from the cluster that LiteSVM brings. */
async function memoElf(): Promise<Uint8Array> {
  await using source = await startCluster({ kind: 'localnet' });
  const account = await new Connection(source.rpcUrl).getAccountInfo(memoProgram);
  return account?.data ?? Buffer.alloc(0);
}

async function nextSlot(connection: Connection): Promise<void> {
  const told = Promise.withResolvers<void>();
  const id = connection.onSlotChange(() => told.resolve());
  await told.promise;
  await connection.removeSlotChangeListener(id);
}

async function sendSigned(
  connection: Connection,
  { transaction }: { readonly transaction: Transaction },
): Promise<string> {
  const signature = await connection.sendRawTransaction(transaction.serialize());
  const { value } = await connection.confirmTransaction({
    signature,
    blockhash: transaction.recentBlockhash ?? '',
    lastValidBlockHeight: transaction.lastValidBlockHeight ?? 0,
  });
  expect(value).toEqual({ err: null });
  return signature;
}

function instructionOf(programId: PublicKey, ...accounts: readonly PublicKey[]): TransactionInstruction {
  const keys = accounts.map((pubkey) => ({ pubkey, isSigner: false, isWritable: false }));
  return new TransactionInstruction({ programId, keys });
}

async function mintInstructions(
  connection: Connection,
  authority: PublicKey,
  mint: PublicKey,
): Promise<readonly TransactionInstruction[]> {
  const create = SystemProgram.createAccount({
    fromPubkey: authority,
    newAccountPubkey: mint,
    lamports: await connection.getMinimumBalanceForRentExemption(82),
    space: 82,
    programId: tokenProgram,
  });
  // InitializeMint2: tag 20, decimals, authority, no freeze authority.
  const initialise = new TransactionInstruction({
    programId: tokenProgram,
    keys: [{ pubkey: mint, isSigner: false, isWritable: true }],
    data: Buffer.concat([Buffer.from([20, 9]), authority.toBuffer(), Buffer.from([0])]),
  });
  return [create, initialise];
}

async function createMint(connection: Connection, authority: Keypair): Promise<PublicKey> {
  const mint = Keypair.generate();
  const instructions = await mintInstructions(connection, authority.publicKey, mint.publicKey);
  await sendSigned(connection, await signed({ connection, payer: authority, instructions, signers: [mint] }));
  return mint.publicKey;
}

/** web3.js subscribes in the background; what happens before the server knows is not told. */
async function subscribed(connection: Connection, ids: readonly number[]): Promise<void> {
  await Promise.all(
    ids.map((id) => {
      const active = Promise.withResolvers<void>();
      const hooks = connection as unknown as {
        _onSubscriptionStateChange(id: number, listener: (state: string) => void): () => void;
      };
      hooks._onSubscriptionStateChange(id, (state) => {
        if (state === 'subscribed') active.resolve();
      });
      return active.promise;
    }),
  );
}

/** Sends messages over one websocket and resolves to as many answers as the last message's comes as. */
async function socketAnswers(wsUrl: string, messages: readonly (object | string)[]): Promise<readonly unknown[]> {
  const socket = new WebSocket(wsUrl);
  const answers: { id?: unknown }[] = [];
  const done = Promise.withResolvers<void>();
  const last = messages.at(-1) as { id: unknown };
  socket.onmessage = ({ data }) => {
    const answer = JSON.parse(String(data)) as { id?: unknown };
    if ('id' in answer) answers.push(answer);
    if (answer.id === last.id) done.resolve();
  };
  socket.onopen = () => {
    for (const message of messages) socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  };
  socket.onerror = () => done.reject(new Error('The websocket failed.'));
  await done.promise;
  socket.close();
  return answers;
}

/** web3.js writes index 0 into a secp256k1 instruction's offsets; they name the instruction that holds the data. */
function reindexed(data: Buffer, index: number): Buffer {
  const out = Buffer.from(data);
  for (const at of [3, 6, 11]) out.writeUInt8(index, at);
  return out;
}

/** A secp256r1 instruction (SIMD-0075) with one signature, whose data names itself by the index 0xffff. */
function secp256r1Instruction(message: Buffer): TransactionInstruction {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const jwk = createPublicKey(key).export({ format: 'jwk' });
  const y = Buffer.from(jwk.y ?? '', 'base64url');
  const compressed = Buffer.concat([Buffer.from([2 + ((y.at(-1) ?? 0) & 1)]), Buffer.from(jwk.x ?? '', 'base64url')]);
  const signature = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' });
  const s = BigInt(`0x${signature.toString('hex', 32)}`);
  // The precompile takes the lower of the two values of s alone.
  const low = s > order / 2n ? order - s : s;
  const lowSignature = Buffer.concat([
    signature.subarray(0, 32),
    Buffer.from(low.toString(16).padStart(64, '0'), 'hex'),
  ]);
  const header = Buffer.alloc(16);
  header.writeUInt8(1, 0);
  const keyAt = 16;
  const signatureAt = keyAt + 33;
  const messageAt = signatureAt + 64;
  const fields = [signatureAt, 0xffff, keyAt, 0xffff, messageAt, message.length, 0xffff];
  for (const [index, value] of fields.entries()) header.writeUInt16LE(value, 2 + 2 * index);
  return new TransactionInstruction({
    programId: secp256r1Program,
    keys: [],
    data: Buffer.concat([header, compressed, lowSignature, message]),
  });
}
