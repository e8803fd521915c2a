import { createPrivateKey, createPublicKey, randomInt, sign } from 'node:crypto';
import type { Address } from '@solana/kit';
import { addressBytes, addressOf, fromBase58 } from '../base58.ts';
import { computeBudgetProgram, systemProgram } from './wellKnown.ts';

const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

export type Faucet = {
  readonly address: Address;
  /** The bytes of a signed transfer; two equal requests give two transactions. */
  transfer(request: { readonly to: Address; readonly lamports: bigint; readonly blockhash: string }): Uint8Array;
};

/** What a faucet holds on a fresh cluster: 500 million SOL. */
export const faucetLamports = 500_000_000n * 1_000_000_000n;

/** The account behind `requestAirdrop`, from its 32-byte Ed25519 seed. */
export function createFaucet(seed: Uint8Array): Faucet {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  let nonce = randomInt(1_000_000);
  return {
    address: addressOf(publicKey),
    transfer: ({ to, lamports, blockhash }) => {
      const limit = Buffer.alloc(5);
      limit.writeUInt8(2);
      // A limit between 1,000 and 1,000,999 units: enough for the two instructions, and different for equal requests.
      limit.writeUInt32LE(1_000 + (nonce++ % 1_000_000), 1);
      const transfer = Buffer.alloc(12);
      transfer.writeUInt32LE(2);
      transfer.writeBigUInt64LE(lamports, 4);
      const toItself = to === addressOf(publicKey);
      const keys = [publicKey, ...(toItself ? [] : [addressBytes(to)])];
      const programs = [addressBytes(systemProgram), addressBytes(computeBudgetProgram)];
      const message = Buffer.concat([
        Buffer.from([1, 0, 2, keys.length + 2]),
        ...keys,
        ...programs,
        fromBase58(blockhash, 44) ?? new Uint8Array(32),
        Buffer.from([2]),
        Buffer.from([keys.length + 1, 0, limit.length]),
        limit,
        Buffer.from([keys.length, 2, 0, toItself ? 0 : 1, transfer.length]),
        transfer,
      ]);
      return Buffer.concat([Buffer.from([1]), sign(null, message, key), message]);
    },
  };
}
