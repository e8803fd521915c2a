import { z } from 'zod';
import { feeOf } from '../../ledger/fees.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { errorSentence, type TransactionError } from '../../ledger/transactionError.ts';
import { parseTransaction, type WireTransaction } from '../../ledger/wireTransaction.ts';
import { decodeMessage, decodeTransaction } from '../decodeTransaction.ts';
import { encodeAccount } from '../encodeAccount.ts';
import { encodeInnerInstructions, encodeReturnData } from '../encodeTransaction.ts';
import { checkMinContextSlot, type Method, method, withContext } from '../method.ts';
import { accountEncodings, addressParam, config, contextConfig, u64Param } from '../params.ts';
import { invalidParams, preflightError } from '../rpcError.ts';

/** Agave's default is base58, which is slow and deprecated; web3.js always names base64. */
const wireEncoding = z.enum(['base58', 'base64']).nullish();

function preflight(ledger: Ledger, transaction: WireTransaction): void {
  const refused = ledger.refusal(transaction, { signatures: true });
  if (refused !== undefined) throw notExecuted(refused);
  const { execution } = ledger.simulate(transaction);
  if (execution.err === null) return;
  throw preflightError({
    err: execution.err,
    sentence: errorSentence(execution.err),
    logs: execution.logs,
    unitsConsumed: execution.unitsConsumed,
    fee: feeOf(transaction.message),
    returnData: encodeReturnData(execution.returnData),
  });
}

function notExecuted(err: TransactionError): Error {
  return preflightError({ err, sentence: errorSentence(err), logs: [], unitsConsumed: 0, fee: null, returnData: null });
}

export const transactionMethods: Readonly<Record<string, Method>> = {
  sendTransaction: method(
    z.tuple([
      z.string(),
      config({
        encoding: wireEncoding,
        skipPreflight: z.boolean().nullish(),
        preflightCommitment: z.string().max(32).nullish(),
        maxRetries: u64Param.nullish(),
      }),
    ]),
    1,
    async ({ ledger }, text, settings) => {
      const transaction = decodeTransaction(text, settings?.encoding ?? 'base58');
      checkMinContextSlot(ledger, settings);
      if (settings?.skipPreflight !== true) preflight(ledger, transaction);
      // What is dropped after this looks to the sender as on a cluster: a signature without a status.
      await ledger.submit(transaction);
      return transaction.signature;
    },
  ),

  simulateTransaction: method(
    z.tuple([
      z.string(),
      config({
        encoding: wireEncoding,
        sigVerify: z.boolean().nullish(),
        replaceRecentBlockhash: z.boolean().nullish(),
        innerInstructions: z.boolean().nullish(),
        accounts: z
          .object({ encoding: z.enum(accountEncodings).nullish(), addresses: z.array(addressParam).max(64) })
          .nullish(),
      }),
    ]),
    1,
    ({ ledger }, text, settings) => {
      const transaction = decodeTransaction(text, settings?.encoding ?? 'base58');
      checkMinContextSlot(ledger, settings);
      const replace = settings?.replaceRecentBlockhash === true;
      const signatures = settings?.sigVerify === true;
      if (replace && signatures) throw invalidParams('sigVerify may not be used with replaceRecentBlockhash');
      const refused = ledger.refusal(transaction, { signatures });
      const stop = replace && refused === 'BlockhashNotFound' ? undefined : refused;
      const simulated = stop === undefined ? ledger.simulate(transaction) : undefined;
      const execution = simulated?.execution;
      const err = stop ?? execution?.err ?? null;
      const accountsAfter = (): unknown =>
        settings?.accounts?.addresses.map((address) => {
          const change = simulated?.changes.find((each) => each.address === address);
          const account = change === undefined ? ledger.accounts.get(address) : change.account;
          return account === undefined
            ? null
            : encodeAccount(account, { encoding: settings.accounts?.encoding ?? 'base64' });
        });
      return withContext(ledger, {
        accounts:
          settings?.accounts == null
            ? null
            : err === null
              ? accountsAfter()
              : settings.accounts.addresses.map(() => null),
        err,
        fee: stop === undefined ? feeOf(transaction.message) : null,
        innerInstructions:
          settings?.innerInstructions === true ? encodeInnerInstructions(execution?.innerInstructions ?? []) : null,
        logs: execution?.logs ?? [],
        replacementBlockhash: replace ? ledger.latestBlockhash() : null,
        returnData: encodeReturnData(execution?.returnData),
        unitsConsumed: execution?.unitsConsumed ?? 0,
      });
    },
  ),

  requestAirdrop: method(
    z.tuple([addressParam, u64Param, config({ recentBlockhash: z.string().max(64).nullish() })]),
    2,
    async ({ ledger }, to, lamports) => {
      const { blockhash } = ledger.latestBlockhash();
      const transaction = parseTransaction(ledger.faucet.transfer({ to, lamports: BigInt(lamports), blockhash }));
      preflight(ledger, transaction);
      await ledger.submit(transaction);
      return transaction.signature;
    },
  ),

  getFeeForMessage: method(z.tuple([z.string(), contextConfig]), 1, ({ ledger }, text, settings) => {
    const message = decodeMessage(text);
    checkMinContextSlot(ledger, settings);
    return withContext(ledger, ledger.blocks.isValid(message.recentBlockhash) ? feeOf(message) : null);
  }),
};
