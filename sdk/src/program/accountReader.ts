import { type AccountInfo, type Connection, PublicKey } from '@solana/web3.js';
import type { RawAccount } from './accounts.ts';
import type { Address } from './address.ts';
import { toPublicKey } from './publicKey.ts';
import { rpcRequest } from './rpc.ts';

/** Solana's limit of addresses in one request. */
const MAX_ADDRESSES = 100;

function rawAccount(address: Address, info: AccountInfo<Buffer>): RawAccount {
  return { address, lamports: BigInt(info.lamports), data: info.data };
}

/** The accounts at `addresses` in their order, undefined where there is none. */
export async function readAccounts(
  connection: Connection,
  addresses: readonly Address[],
  options: { readonly signal: AbortSignal },
): Promise<readonly (RawAccount | undefined)[]> {
  const out: (RawAccount | undefined)[] = [];
  for (let start = 0; start < addresses.length; start += MAX_ADDRESSES) {
    const part = addresses.slice(start, start + MAX_ADDRESSES);
    const infos = await rpcRequest(connection, 'getMultipleAccounts', options, () =>
      connection.getMultipleAccountsInfo(part.map(toPublicKey), 'confirmed'),
    );
    for (const [i, address] of part.entries()) {
      const info = infos[i];
      out.push(info === null || info === undefined ? undefined : rawAccount(address, info));
    }
  }
  return out;
}

/** Every account of the program that has `size` bytes and, where told, `bytes` (base58) at `offset`. */
export async function scanAccounts(
  connection: Connection,
  query: {
    readonly programId: Address;
    readonly size: number;
    readonly match?: { readonly offset: number; readonly bytes: string };
    readonly signal: AbortSignal;
  },
): Promise<readonly RawAccount[]> {
  const filters = [{ dataSize: query.size }, ...(query.match === undefined ? [] : [{ memcmp: query.match }])];
  const found = await rpcRequest(connection, 'getProgramAccounts', query, () =>
    connection.getProgramAccounts(new PublicKey(query.programId), { commitment: 'confirmed', filters }),
  );
  return found.map(({ pubkey, account }) => rawAccount(pubkey.toBytes(), account));
}
