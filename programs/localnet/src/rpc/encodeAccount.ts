import { zstdCompressSync } from 'node:zlib';
import { toBase58 } from '../base58.ts';
import type { Account } from '../ledger/account.ts';
import { sysvarOwner } from '../ledger/wellKnown.ts';
import type { accountEncodings, Filter } from './params.ts';
import { RpcError, rpcCodes } from './rpcError.ts';

export type AccountView = {
  readonly encoding?: (typeof accountEncodings)[number] | null | undefined;
  readonly dataSlice?: { readonly offset: number; readonly length: number } | null | undefined;
};

/** The largest data that base58, which is quadratic, is made for. */
const maxBase58Bytes = 128;

/** What no account pays rent for any more: u64's maximum. */
const rentExemptEpoch = 2n ** 64n - 1n;

/** An account as the RPC shows it. `jsonParsed` falls back to base64, as it does on a cluster for programs without a parser. */
export function encodeAccount(account: Account, view: AccountView = {}): unknown {
  return {
    data: encodeData(account.data, view),
    executable: account.executable,
    lamports: account.lamports,
    owner: account.owner,
    rentEpoch: account.owner === sysvarOwner ? 0 : rentExemptEpoch,
    space: account.data.length,
  };
}

function encodeData(whole: Uint8Array, { encoding, dataSlice }: AccountView): unknown {
  const data = dataSlice == null ? whole : whole.subarray(dataSlice.offset, dataSlice.offset + dataSlice.length);
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const format = encoding ?? 'binary';
  if (format === 'base64+zstd') return [zstdCompressSync(buffer).toString('base64'), 'base64+zstd'];
  if (format === 'base64' || format === 'jsonParsed') return [buffer.toString('base64'), 'base64'];
  if (data.length > maxBase58Bytes) {
    throw new RpcError(
      rpcCodes.invalidRequest,
      'Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding.',
    );
  }
  return format === 'base58' ? [toBase58(data), 'base58'] : toBase58(data);
}

/** Whether an account passes every filter of a query. */
export function passesFilters({ data }: Account, filters: readonly Filter[]): boolean {
  return filters.every((filter) => {
    if (filter.kind === 'dataSize') return data.length === filter.dataSize;
    const part = data.subarray(filter.offset, filter.offset + filter.bytes.length);
    return Buffer.compare(part, filter.bytes) === 0;
  });
}
