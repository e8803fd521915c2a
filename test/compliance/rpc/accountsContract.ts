import { Keypair, SYSVAR_SLOT_HASHES_PUBKEY, SystemProgram } from '@solana/web3.js';
import { describe, expect, test } from 'vitest';
import { createMint, tokenProgram } from './chainSteps.ts';
import { confirmed, type Fixture } from './fixture.ts';
import { fundedWallet } from './wallet.ts';

/** How accounts are shown and found. */
export function accountsContract(fixture: () => Fixture): void {
  describe('accounts', () => {
    test('shows an account in every encoding', async () => {
      const { connection, payer, call } = fixture();
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
      const { connection, payer, call } = fixture();
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
      const { payer, call } = fixture();
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
      const { connection, call } = fixture();
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
}
