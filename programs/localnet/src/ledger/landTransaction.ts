import type { Address } from '@solana/kit';
import { type Account, type AccountChange, sameAccount } from './account.ts';
import type { Engine, Execution } from './engine.ts';
import type { TransactionRecord } from './event.ts';
import { feeOf } from './fees.ts';
import { loadedAddresses } from './lookupTables.ts';
import { tokenBalances } from './tokenBalances.ts';
import type { TransactionError } from './transactionError.ts';
import { loaderV3 } from './wellKnown.ts';
import { isWritable, type WireMessage, type WireTransaction } from './wireTransaction.ts';

export type Landing =
  | { readonly kind: 'dropped'; readonly err: TransactionError }
  | {
      readonly kind: 'landed';
      readonly record: TransactionRecord;
      readonly changes: readonly AccountChange[];
      readonly before: ReadonlyMap<Address, Account | undefined>;
    };

/** Executes one transaction on the engine and measures what it did; the engine keeps the effects. */
export function landTransaction(
  engine: Engine,
  { bytes, signature, message }: WireTransaction,
  { slot, blockTime }: { readonly slot: number; readonly blockTime: number },
): Landing {
  const loaded = loadedAddresses(message, engine.account) ?? { writable: [], readonly: [] };
  const keys = [...message.accountKeys, ...loaded.writable, ...loaded.readonly];
  const writable = new Set([
    ...message.accountKeys.filter((_, index) => isWritable(message, index)),
    ...loaded.writable,
  ]);
  const before = new Map([...writable].map((address) => [address, engine.account(address)]));
  const preBalances = keys.map(engine.balance);
  const preTokenBalances = tokenBalances(keys, engine.account);
  const execution = nameMissingProgram(engine, message, engine.execute(bytes));
  if (typeof execution.err === 'string' && feesOnly.has(execution.err)) chargeFee(engine, message);
  const postBalances = keys.map(engine.balance);
  // Lamports are conserved but for the fee, which is burned.
  const fee = sum(preBalances) - sum(postBalances);
  if (execution.err !== null && fee === 0n) return { kind: 'dropped', err: execution.err };

  const changes = [...before].flatMap(([address, account]) => {
    const after = engine.account(address);
    return sameAccount(account, after) ? [] : [{ address, account: after }];
  });
  unloadClosed(engine, changes, before);
  const record: TransactionRecord = {
    signature,
    slot,
    blockTime,
    bytes,
    ...execution,
    fee,
    preBalances,
    postBalances,
    preTokenBalances,
    postTokenBalances: tokenBalances(keys, engine.account),
    loadedWritable: loaded.writable,
    loadedReadonly: loaded.readonly,
  };
  return { kind: 'landed', record, changes, before };
}

/** Errors of loading what a transaction needs: its fee is taken all the same (SIMD-0082), which LiteSVM leaves out. */
const feesOnly: ReadonlySet<string> = new Set([
  'ProgramAccountNotFound',
  'InvalidProgramForExecution',
  'MaxLoadedAccountsDataSizeExceeded',
]);

function chargeFee(engine: Engine, message: WireMessage): void {
  const [payer] = message.accountKeys;
  const account = payer === undefined ? undefined : engine.account(payer);
  if (payer === undefined || account === undefined) return;
  const left = account.lamports - feeOf(message);
  if (left < engine.rentExemptMinimum(account.data.length)) return;
  engine.setAccount({ address: payer, account: { ...account, lamports: left } });
}

/** LiteSVM calls a program that does not exist an invalid one; Agave tells them apart. */
export function nameMissingProgram(engine: Engine, message: WireMessage, execution: Execution): Execution {
  if (execution.err !== 'InvalidProgramForExecution') return execution;
  const missing = message.instructions.some(({ programIdIndex }) => {
    const program = message.accountKeys[programIdIndex];
    return program !== undefined && engine.account(program) === undefined;
  });
  return missing ? { ...execution, err: 'ProgramAccountNotFound' } : execution;
}

/**
 * A program whose code a transaction closed must not run any more. LiteSVM forgets it only if it happens to apply the code's end
 * before the program itself, so the program is set once more.
 */
function unloadClosed(
  engine: Engine,
  changes: readonly AccountChange[],
  before: ReadonlyMap<Address, Account | undefined>,
): void {
  const closed = changes.some(
    ({ address, account }) => account === undefined && before.get(address)?.owner === loaderV3,
  );
  if (!closed) return;
  for (const address of before.keys()) {
    const account = engine.account(address);
    if (account?.executable === true && account.owner === loaderV3) engine.setAccount({ address, account });
  }
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n);
}
