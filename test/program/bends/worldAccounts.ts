import { type Address, idl } from '@karmesh/sdk/program';
import type { TransactionInstruction } from '@solana/web3.js';
import type { LiteSvmLedger } from '../ledger/liteSvmLedger.ts';
import { MINT_BYTES, TOKEN_ACCOUNT_BYTES } from '../tokenSteps.ts';

/** The accounts that a ledger's instructions have named so far. */
export interface WorldAccounts {
  note(instruction: TransactionInstruction): void;
  /** What an account is: a type of the program's accounts, `token account`, `mint`, `wallet`, `other`, or `nothing` if there is none. */
  typeOf(address: Address): Promise<string>;
  /** Every account that exists by type, the newest first; without wallets and others. */
  byType(): Promise<ReadonlyMap<string, readonly Address[]>>;
}

const DISCRIMINATORS = new Map(
  idl.accounts?.map(({ name, discriminator }) => [Buffer.from(discriminator).toString('hex'), name]),
);

function typeOfData(data: Uint8Array): string {
  if (data.length === 0) return 'wallet';
  const type = DISCRIMINATORS.get(Buffer.from(data.subarray(0, 8)).toString('hex'));
  if (type !== undefined) return type;
  if (data.length === TOKEN_ACCOUNT_BYTES) return 'token account';
  return data.length === MINT_BYTES ? 'mint' : 'other';
}

export function worldAccounts(ledger: LiteSvmLedger): WorldAccounts {
  const seen = new Map<string, Address>();
  const typeOf = async (address: Address) => {
    const account = await ledger.account(address);
    return account === undefined ? 'nothing' : typeOfData(account.data);
  };
  return {
    note({ keys }) {
      for (const { pubkey } of keys) seen.set(pubkey.toBase58(), pubkey.toBytes());
    },
    typeOf,
    async byType() {
      const out = new Map<string, Address[]>();
      for (const address of [...seen.values()].reverse()) {
        const type = await typeOf(address);
        if (['nothing', 'wallet', 'other'].includes(type)) continue;
        out.set(type, [...(out.get(type) ?? []), address]);
      }
      return out;
    },
  };
}
