import { createHash } from 'node:crypto';
import { PROGRAM_ID, type RawAccount, toBase58, transactionError } from '@karmesh/sdk/program';
import { type Address, getTransactionDecoder, lamports } from '@solana/kit';
import { PublicKey, Transaction, type TransactionInstruction } from '@solana/web3.js';
import { FailedTransactionMetadata, LiteSVM } from 'litesvm';
import { TestRunner } from 'vitest';
import type { Ledger, Ran } from './ledger.ts';
import { liveCluster } from './liveCluster.ts';
import { PROGRAM_FILE } from './programFile.ts';

/** The sysvar's length. */
const SLOT_HASHES = 512;

export interface TryOptions {
  readonly payer: Uint8Array;
  /** False to leave no trace. */
  readonly keep: boolean;
}

/** The in-process machine, whose slots stand still until a test moves them. */
export interface LiteSvmLedger extends Ledger {
  readonly kind: 'litesvm';
  /** Moves on to `slot`; `skipped` slots leave no hash, as when their leader was silent. */
  untilSlot(slot: bigint, options?: { readonly skipped?: readonly bigint[] }): Promise<void>;
  /** The hash that this machine gives a slot. */
  slotHash(slot: bigint): Uint8Array;
  /** Overwrites an account, for states that only a broken program could reach. */
  setAccount(account: RawAccount & { readonly owner: Uint8Array }): void;
  /** Sends, or only simulates, a transaction as if all whom it names as signers had signed. Throws as `send`. */
  tryUnsigned(instructions: readonly TransactionInstruction[], options: TryOptions): Promise<Ran>;
  /** Puts another program's ELF file at an address. */
  addProgram(address: Uint8Array, file: Uint8Array): void;
}

function svmAddress(bytes: Uint8Array): Address {
  return toBase58(bytes) as Address;
}

function slotHash(slot: bigint): Uint8Array {
  return new Uint8Array(createHash('sha256').update(`slot ${slot}`).digest());
}

/** Why a transaction failed, in the JSON-RPC's words. */
function faultOf(failed: FailedTransactionMetadata): unknown {
  const error: unknown = failed.err();
  if (typeof error !== 'object' || error === null || !('index' in error) || !('err' in error)) return String(error);
  const inner = (error as { err(): unknown }).err();
  const index = Number(error.index);
  if (typeof inner === 'object' && inner !== null && 'code' in inner) {
    return { InstructionError: [index, { Custom: Number(inner.code) }] };
  }
  // The machine gives these as numbers of its own, and their names only in print.
  const [, name = String(inner)] = /InstructionError\(\s*\d+,\s*(\w+)/.exec(failed.toString()) ?? [];
  return { InstructionError: [index, name] };
}

function refusal(failed: FailedTransactionMetadata): Error {
  return transactionError(faultOf(failed), { signature: '', logs: failed.meta().logs() });
}

/** In a run against a live cluster the test that asks for this machine is skipped by name. */
export function liteSvmLedger(): LiteSvmLedger {
  if (liveCluster !== undefined) {
    TestRunner.getCurrentTest()?.context.skip(
      'moves slots, forges accounts or measures: only the machine in process lets a test do so',
    );
  }
  const svm = new LiteSVM();
  svm.addProgramFromFile(svmAddress(PROGRAM_ID), PROGRAM_FILE);
  let hashes: { slot: bigint; hash: string }[] = [];

  const unsigned = (instructions: readonly TransactionInstruction[], payer: Uint8Array) => {
    const transaction = new Transaction().add(...instructions);
    transaction.feePayer = new PublicKey(payer);
    transaction.recentBlockhash = svm.latestBlockhash();
    return transaction;
  };

  const ledger: LiteSvmLedger = {
    kind: 'litesvm',
    programId: PROGRAM_ID,
    genesis: new Uint8Array(createHash('sha256').update('karmesh test genesis').digest()),
    async send(instructions, signers) {
      const [payer] = signers;
      if (payer === undefined) throw new RangeError('A transaction needs a payer.');
      const transaction = unsigned(instructions, payer.publicKey);
      for (const signer of new Set(signers)) {
        const signature = signer.sign(transaction.serializeMessage());
        transaction.addSignature(new PublicKey(signer.publicKey), Buffer.from(signature));
      }
      const result = svm.sendTransaction(getTransactionDecoder().decode(transaction.serialize()));
      // Equal transactions of one test must stay distinct.
      svm.expireBlockhash();
      if (result instanceof FailedTransactionMetadata) throw refusal(result);
      return { logs: result.logs(), computeUnits: result.computeUnitsConsumed() };
    },
    async tryUnsigned(instructions, { payer, keep }) {
      const transaction = unsigned(instructions, payer);
      const wire = transaction.serialize({ requireAllSignatures: false, verifySignatures: false });
      const decoded = getTransactionDecoder().decode(wire);
      svm.withSigverify(false);
      const result = keep ? svm.sendTransaction(decoded) : svm.simulateTransaction(decoded);
      svm.withSigverify(true);
      if (keep) svm.expireBlockhash();
      if (result instanceof FailedTransactionMetadata) throw refusal(result);
      const meta = 'meta' in result ? result.meta() : result;
      return { logs: meta.logs(), computeUnits: meta.computeUnitsConsumed() };
    },
    async account(address) {
      const account = svm.getAccount(svmAddress(address));
      if (!account.exists || account.lamports === 0n) return undefined;
      return { address, lamports: account.lamports, data: new Uint8Array(account.data) };
    },
    slot: async () => svm.getClock().slot,
    async untilSlot(slot, options = {}) {
      const from = svm.getClock().slot;
      if (slot <= from) return;
      const first = slot - from > BigInt(SLOT_HASHES) ? slot - BigInt(SLOT_HASHES) : from;
      for (let passed = first; passed < slot; passed++) {
        if (!options.skipped?.includes(passed)) hashes.unshift({ slot: passed, hash: toBase58(slotHash(passed)) });
      }
      hashes = hashes.slice(0, SLOT_HASHES);
      svm.setSlotHashes(hashes);
      svm.warpToSlot(slot);
    },
    async fund(address, amount) {
      svm.airdrop(svmAddress(address), lamports(amount));
    },
    rent: async (bytes) => svm.minimumBalanceForRentExemption(BigInt(bytes)),
    slotHash,
    setAccount({ address, lamports: held, data, owner }) {
      svm.setAccount({
        address: svmAddress(address),
        data,
        executable: false,
        lamports: lamports(held),
        programAddress: svmAddress(owner),
        space: BigInt(data.length),
      });
    },
    addProgram: (address, file) => svm.addProgram(svmAddress(address), file),
    [Symbol.asyncDispose]: async () => undefined,
  };
  return ledger;
}
