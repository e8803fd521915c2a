import { z } from 'zod';
import type { TransactionRecord } from '../../ledger/event.ts';
import { encodeTransaction, transactionEncodings } from '../encodeTransaction.ts';
import { checkMinContextSlot, type Method, method, withContext } from '../method.ts';
import { addressParam, config, signatureParam } from '../params.ts';
import { invalidParams } from '../rpcError.ts';

const maxSignaturesAtOnce = 256;
const maxSignaturesListed = 1_000;

/** Agave keeps `processed` from what shows history, since a fork may still drop it. */
function refuseProcessed(settings: { readonly commitment?: string | null | undefined } | undefined): void {
  if (settings?.commitment === 'processed') {
    throw invalidParams('Method does not support commitment below `confirmed`');
  }
}

/** `confirmations: null` is a cluster's way to say final. */
function statusOf(record: TransactionRecord): unknown {
  return {
    confirmationStatus: 'finalized',
    confirmations: null,
    err: record.err,
    slot: record.slot,
    status: record.err === null ? { Ok: null } : { Err: record.err },
  };
}

export const historyMethods: Readonly<Record<string, Method>> = {
  getSignatureStatuses: method(
    z.tuple([
      z.array(signatureParam).max(maxSignaturesAtOnce, { error: 'Too many inputs provided; max 256' }),
      config({ searchTransactionHistory: z.boolean().nullish() }),
    ]),
    1,
    ({ ledger }, signatures) => {
      const value = signatures.map((signature) => {
        const record = ledger.history.get(signature);
        return record === undefined ? null : statusOf(record);
      });
      return withContext(ledger, value);
    },
  ),

  getTransaction: method(
    z.tuple([
      signatureParam,
      z.union([
        z
          .enum(transactionEncodings)
          .transform((encoding) => ({ encoding, maxSupportedTransactionVersion: undefined, commitment: undefined })),
        config({
          encoding: z.enum(transactionEncodings).nullish(),
          maxSupportedTransactionVersion: z.int().min(0).max(255).nullish(),
        }),
      ]),
    ]),
    1,
    ({ ledger }, signature, settings) => {
      refuseProcessed(settings);
      const record = ledger.history.get(signature);
      if (record === undefined) return null;
      return encodeTransaction(record, {
        encoding: settings?.encoding ?? 'json',
        maxSupportedTransactionVersion: settings?.maxSupportedTransactionVersion ?? undefined,
      });
    },
  ),

  getSignaturesForAddress: method(
    z.tuple([
      addressParam,
      config({
        limit: z.int().min(1).max(maxSignaturesListed).nullish(),
        before: signatureParam.nullish(),
        until: signatureParam.nullish(),
      }),
    ]),
    1,
    ({ ledger }, address, settings) => {
      refuseProcessed(settings);
      checkMinContextSlot(ledger, settings);
      const all = ledger.history.naming(address);
      const before = settings?.before == null ? -1 : all.findIndex(({ signature }) => signature === settings.before);
      if (settings?.before != null && before === -1) return [];
      const rest = all.slice(before + 1);
      const until = rest.findIndex(({ signature }) => signature === settings?.until);
      return rest
        .slice(0, until === -1 ? undefined : until)
        .slice(0, settings?.limit ?? maxSignaturesListed)
        .map(({ signature, slot, blockTime, err }) => ({
          blockTime,
          confirmationStatus: 'finalized',
          err,
          memo: null,
          signature,
          slot,
        }));
    },
  ),
};
