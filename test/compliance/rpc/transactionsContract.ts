import { AnchorProvider, Wallet } from '@coral-xyz/anchor';
import {
  AddressLookupTableAccount,
  AddressLookupTableProgram,
  ComputeBudgetProgram,
  Ed25519Program,
  Keypair,
  PublicKey,
  Secp256k1Program,
  SendTransactionError,
  SystemProgram,
  sendAndConfirmTransaction,
  Transaction,
  TransactionInstruction,
  TransactionMessage,
  VersionedTransaction,
} from '@solana/web3.js';
import { describe, expect, test } from 'vitest';
import { instructionOf, nextSlot, sendSigned } from './chainSteps.ts';
import { confirmed, emptySimulation, type Fixture, sendOptions } from './fixture.ts';
import { reindexed, secp256r1Instruction } from './precompiles.ts';
import { signed, transfer } from './wallet.ts';

/** What becomes of transactions, good and bad. */
export function transactionsContract(fixture: () => Fixture): void {
  describe('transactions', () => {
    test('airdrops', async () => {
      const { connection, call } = fixture();
      const to = Keypair.generate().publicKey;
      const latest = await connection.getLatestBlockhash();
      const signature = await connection.requestAirdrop(to, 1_000_000_000);
      expect((await connection.confirmTransaction({ signature, ...latest })).value).toEqual({ err: null });
      expect(await connection.getBalance(to)).toBe(1_000_000_000);
      expect((await call('requestAirdrop', to.toBase58(), -1)).error?.code).toBe(-32_602);
      expect((await call('requestAirdrop', 'nobody', 1)).error?.code).toBe(-32_602);
    });

    test('transfers, and keeps the record', async () => {
      const { connection, payer, call } = fixture();
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

    test('keeps what token accounts held before and after', async () => {
      const { connection, payer, call } = fixture();
      const [mint, holder] = [Keypair.generate(), Keypair.generate()];
      const token = (keys: readonly PublicKey[], data: readonly number[]): TransactionInstruction =>
        new TransactionInstruction({
          programId: new PublicKey('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA'),
          keys: keys.map((pubkey, index) => ({ pubkey, isSigner: index === 2, isWritable: index < 2 })),
          data: Buffer.from(data),
        });
      const make = async (account: Keypair, space: number): Promise<TransactionInstruction> =>
        SystemProgram.createAccount({
          fromPubkey: payer.publicKey,
          newAccountPubkey: account.publicKey,
          lamports: await connection.getMinimumBalanceForRentExemption(space),
          space,
          programId: token([], []).programId,
        });
      const initialiseMint2 = [20, 6, ...payer.publicKey.toBytes(), 0];
      const initialiseAccount3 = [18, ...payer.publicKey.toBytes()];
      const making = new Transaction().add(
        await make(mint, 82),
        token([mint.publicKey], initialiseMint2),
        await make(holder, 165),
        token([holder.publicKey, mint.publicKey], initialiseAccount3),
      );
      await sendAndConfirmTransaction(connection, making, [payer, mint, holder]);
      const mintTo = token([mint.publicKey, holder.publicKey, payer.publicKey], [7, 0x40, 0xe2, 0x01, 0, 0, 0, 0, 0]);
      const signature = await sendAndConfirmTransaction(connection, new Transaction().add(mintTo), [payer]);
      const found = await call('getTransaction', signature, { encoding: 'json', commitment: 'confirmed' });
      const held = (amount: object) => ({
        accountIndex: expect.any(Number),
        mint: mint.publicKey.toBase58(),
        owner: payer.publicKey.toBase58(),
        programId: mintTo.programId.toBase58(),
        uiTokenAmount: { decimals: 6, ...amount },
      });
      expect(found.result).toMatchObject({
        meta: {
          preTokenBalances: [held({ amount: '0', uiAmount: null, uiAmountString: '0' })],
          postTokenBalances: [held({ amount: '123456', uiAmount: 0.123456, uiAmountString: '0.123456' })],
        },
      });
    });

    test('knows nothing of a signature that never was', async () => {
      const { connection } = fixture();
      const never = '1'.repeat(64);
      expect(await connection.getSignatureStatuses([never])).toMatchObject({ value: [null] });
      expect(await connection.getTransaction(never, { maxSupportedTransactionVersion: 0 })).toBeNull();
    });

    test('fails a transaction in preflight with its logs, without a fee', async () => {
      const { connection, payer, make, simulationError } = fixture();
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
      const { connection, payer, make } = fixture();
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
      const { connection, payer, make, simulationError } = fixture();
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
      const { connection, payer, simulationError } = fixture();
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
      const { payer, make, simulationError } = fixture();
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
      const { connection, payer, call, make, simulationError } = fixture();
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
      const { payer, call, make } = fixture();
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
      const { connection, payer, call, make } = fixture();
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
      const { connection, payer, make } = fixture();
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
      const { connection, payer, make, simulationError } = fixture();
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
      const { connection, make, loadedProgram } = fixture();
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
      const { connection, payer, call, make } = fixture();
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
      const { connection, payer } = fixture();
      const provider = new AnchorProvider(connection, new Wallet(payer), { commitment: 'confirmed' });
      const to = Keypair.generate().publicKey;
      const signature = await provider.sendAndConfirm(new Transaction().add(transfer(payer.publicKey, to, 1_000_000)));
      expect(await connection.getSignatureStatus(signature)).toMatchObject({ value: { err: null } });
      const bad = new Transaction().add(transfer(payer.publicKey, to, 1_000_000_000_000_000));
      await expect(provider.sendAndConfirm(bad)).rejects.toThrow('custom program error: 0x1');
    });
  });
}
