import { KarmeshError } from '@karmesh/sdk/errors';
import { type Address, toBase58 } from '@karmesh/sdk/program';
import type { DepositAsset } from '@karmesh/sdk/protocol';
import type { PublicKey, VersionedTransactionResponse } from '@solana/web3.js';

/** Where deposits go. */
export type DepositAddresses = {
  /** A wallet. */
  readonly sol: Address;
  /** Its token account of the market's mint; undefined where the gateway takes no tokens. */
  readonly token: Address | undefined;
};

/** What one transaction brought to one of the gateway's addresses. */
export type Arrival = {
  /** Base58; with the asset it names the arrival for good. */
  readonly signature: string;
  readonly asset: DepositAsset;
  /** Lamports, or base units of the token. */
  readonly amount: bigint;
  /** Every account that the transaction names. */
  readonly named: readonly Address[];
  /** Those of them that signed it. */
  readonly signers: readonly Address[];
  /** When its block was made (Unix milliseconds), by the cluster's clock; undefined where the cluster does not say. */
  readonly blockTimeMs: bigint | undefined;
};

/**
 * What a transaction brought, read from the balances before and after it: whatever program moved the money, and however often to and
 * fro, only what is left counts. A transaction that failed, or that took more than it brought, brought nothing.
 *
 * @throws KarmeshError `RPC_FAILED` if the node says nothing of balances.
 */
export function arrivalsOf(transaction: VersionedTransactionResponse, addresses: DepositAddresses): readonly Arrival[] {
  const { meta } = transaction;
  const { message, signatures } = transaction.transaction;
  const [signature = ''] = signatures;
  if (meta === null)
    throw new KarmeshError('RPC_FAILED', 'The RPC node does not say what a transaction did.', { signature });
  if (meta.err !== null) return [];
  const keys = message.getAccountKeys(
    meta.loadedAddresses == null ? undefined : { accountKeysFromLookups: meta.loadedAddresses },
  );
  const all = Array.from({ length: keys.length }, (_, index) => keys.get(index)).filter(
    (key): key is PublicKey => key !== undefined,
  );
  const placeOf = (address: Address): number => all.findIndex((key) => key.toBase58() === toBase58(address));
  const facts = {
    signature,
    named: all.map((key) => key.toBytes()),
    signers: all.slice(0, message.header.numRequiredSignatures).map((key) => key.toBytes()),
    blockTimeMs: transaction.blockTime == null ? undefined : BigInt(transaction.blockTime) * 1000n,
  };
  const arrivals: Arrival[] = [];
  const add = (asset: DepositAsset, amount: bigint): void => {
    if (amount > 0n) arrivals.push({ ...facts, asset, amount });
  };
  const wallet = placeOf(addresses.sol);
  if (wallet >= 0) add('sol', lamports(meta.postBalances[wallet]) - lamports(meta.preBalances[wallet]));
  if (addresses.token === undefined) return arrivals;
  const holder = placeOf(addresses.token);
  const heldIn = (balances: typeof meta.postTokenBalances): bigint =>
    BigInt(balances?.find(({ accountIndex }) => accountIndex === holder)?.uiTokenAmount.amount ?? 0);
  if (holder >= 0) add('token', heldIn(meta.postTokenBalances) - heldIn(meta.preTokenBalances));
  return arrivals;
}

/** The RPC client reads lamports as numbers; what it could not read to the last digit is no amount to credit. */
function lamports(value: number | undefined): bigint {
  if (value === undefined || !Number.isSafeInteger(value))
    throw new KarmeshError('RPC_FAILED', 'The RPC node gives a balance that is no whole number.', { value });
  return BigInt(value);
}
