import { type Address, getTransactionDecoder, lamports } from '@solana/kit';
import {
  Clock,
  EpochSchedule,
  FailedTransactionMetadata,
  LiteSVM,
  type SimulatedTransactionInfo,
  type TransactionMetadata,
} from 'litesvm';
import { addressOf } from '../base58.ts';
import type { Account, AccountChange } from './account.ts';
import { instructionErrors, type TransactionError, transactionErrors } from './transactionError.ts';
import {
  configProgram,
  featureProgram,
  loaderV1,
  loaderV2,
  loaderV3,
  nativeLoader,
  systemProgram,
  sysvarOwner,
} from './wellKnown.ts';

export type InnerInstruction = {
  readonly programIdIndex: number;
  readonly accounts: readonly number[];
  readonly data: Uint8Array;
  readonly stackHeight: number;
};

export type Execution = {
  readonly err: TransactionError | null;
  readonly logs: readonly string[];
  readonly unitsConsumed: number;
  /** By top-level instruction, those that it invoked. */
  readonly innerInstructions: readonly (readonly InnerInstruction[])[];
  readonly returnData: { readonly programId: Address; readonly data: Uint8Array } | undefined;
};

export type EngineClock = {
  readonly slot: number;
  readonly unixTimestamp: number;
  readonly epochStartTimestamp: number;
};

/** The virtual machine: accounts and what transactions do to them. It knows no history and no disk. */
export type Engine = {
  execute(bytes: Uint8Array): Execution;
  /** Executes without effect; the changes are those that it would have had if it succeeds. */
  simulate(bytes: Uint8Array): { readonly execution: Execution; readonly changes: readonly AccountChange[] };
  account(address: Address): Account | undefined;
  /** Lamports, 0 for an account that does not exist. */
  balance(address: Address): bigint;
  setAccount(change: AccountChange): void;
  addProgram(id: Address, elf: Uint8Array): void;
  setClock(clock: EngineClock): void;
  rentExemptMinimum(dataBytes: number): bigint;
  /** Every account of a fresh cluster: builtin programs, sysvars, features. */
  genesisAccounts(): readonly AccountChange[];
};

/** Solana epochs of localnet, as `solana-test-validator` has them. */
export const slotsPerSolanaEpoch = 432_000;

const logBytesLimit = 10_000n;

/**
 * LiteSVM without its own signature, blockhash and duplicate checks, which the ledger makes: LiteSVM knows one blockhash at a
 * time and forgets signatures by count, while a cluster does both by age.
 */
export function createEngine(): Engine {
  const svm = new LiteSVM()
    .withSigverify(false)
    .withBlockhashCheck(false)
    .withTransactionHistory(0n)
    .withLogBytesLimit(logBytesLimit);
  svm.setEpochSchedule(new EpochSchedule(BigInt(slotsPerSolanaEpoch), BigInt(slotsPerSolanaEpoch), false, 0n, 0n));
  const decoder = getTransactionDecoder();

  const account = (address: Address): Account | undefined => {
    const found = svm.getAccount(address);
    if (!found.exists) return undefined;
    return {
      lamports: found.lamports,
      data: found.data,
      owner: found.programAddress,
      executable: found.executable,
    };
  };

  return {
    execute: (bytes) => executionOf(svm.sendTransaction(decoder.decode(bytes))),
    simulate: (bytes) => {
      const result = svm.simulateTransaction(decoder.decode(bytes));
      if (result instanceof FailedTransactionMetadata) return { execution: executionOf(result), changes: [] };
      return { execution: executionOf(result.meta()), changes: changesOf(result) };
    },
    account,
    balance: (address) => svm.getBalance(address) ?? 0n,
    setAccount: ({ address, account: next }) => {
      svm.setAccount({
        address,
        lamports: lamports(next?.lamports ?? 0n),
        data: next?.data ?? new Uint8Array(),
        programAddress: next?.owner ?? systemProgram,
        executable: next?.executable ?? false,
        space: BigInt(next?.data.length ?? 0),
      });
    },
    addProgram: (id, elf) => svm.addProgram(id, elf),
    setClock: ({ slot, unixTimestamp, epochStartTimestamp }) => {
      const epoch = BigInt(Math.floor(slot / slotsPerSolanaEpoch));
      svm.setClock(new Clock(BigInt(slot), BigInt(epochStartTimestamp), epoch, epoch + 1n, BigInt(unixTimestamp)));
    },
    rentExemptMinimum: (dataBytes) => svm.minimumBalanceForRentExemption(BigInt(dataBytes)),
    genesisAccounts: () =>
      [nativeLoader, loaderV1, loaderV2, loaderV3, sysvarOwner, featureProgram, configProgram].flatMap((owner) =>
        svm.getProgramAccounts(owner).map(({ address }) => ({ address, account: account(address) })),
      ),
  };
}

function changesOf(result: SimulatedTransactionInfo): readonly AccountChange[] {
  return result.postAccounts().map((each) => ({
    address: each.address,
    account:
      each.lamports === 0n
        ? undefined
        : {
            lamports: each.lamports,
            data: Uint8Array.from(each.data),
            owner: each.programAddress,
            executable: each.executable,
          },
  }));
}

function executionOf(result: TransactionMetadata | FailedTransactionMetadata): Execution {
  const failed = result instanceof FailedTransactionMetadata;
  const meta = failed ? result.meta() : result;
  const returned = meta.returnData();
  return {
    err: failed ? errorOf(result) : null,
    logs: meta.logs(),
    unitsConsumed: Number(meta.computeUnitsConsumed()),
    innerInstructions: meta.innerInstructions().map((group) =>
      group.map((inner) => {
        const instruction = inner.instruction();
        return {
          programIdIndex: instruction.programIdIndex(),
          accounts: [...instruction.accounts()],
          data: instruction.data(),
          stackHeight: inner.stackHeight(),
        };
      }),
    ),
    returnData:
      returned.data().length === 0 ? undefined : { programId: addressOf(returned.programId()), data: returned.data() },
  };
}

function errorOf(failed: FailedTransactionMetadata): TransactionError {
  const err: unknown = failed.err();
  if (typeof err === 'number') return transactionErrors[err]?.[0] ?? 'SanitizeFailure';
  if (typeof err !== 'object' || err === null) return 'SanitizeFailure';
  // The classes of LiteSVM are exported as types alone, so the name of the constructor tells them apart.
  const fields = err as { index?: number; accountIndex?: number; err?: () => unknown };
  switch (err.constructor.name) {
    case 'TransactionErrorInstructionError':
      return { InstructionError: [fields.index, instructionErrorOf(fields.err?.())] };
    case 'TransactionErrorDuplicateInstruction':
      return { DuplicateInstruction: fields.index };
    case 'TransactionErrorInsufficientFundsForRent':
      return { InsufficientFundsForRent: { account_index: fields.accountIndex } };
    default:
      return { ProgramExecutionTemporarilyRestricted: { account_index: fields.accountIndex } };
  }
}

function instructionErrorOf(err: unknown): unknown {
  if (typeof err === 'number') return litesvmInstructionErrors[err] ?? 'GenericError';
  if (typeof err === 'object' && err !== null && 'code' in err) return { Custom: err.code };
  return 'BorshIoError';
}

/** LiteSVM's enum puts BorshIoError last. */
const litesvmInstructionErrors: readonly string[] = [
  ...instructionErrors.map(([name]) => name).filter((name) => name !== 'BorshIoError'),
  'BorshIoError',
];
