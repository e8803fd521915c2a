import { join } from 'node:path';
import { decode, encode, type Receipt, receiptRecord, toHex } from '@karmesh/sdk/protocol';
import { openAppendLog } from '@karmesh/sdk/runtime';
import type { ReceiptLog } from '../worker/stores.ts';

/** Dispatches of this many epochs back are remembered; older ones are refused by their age. */
const REMEMBERED_EPOCHS = 2n;

/**
 * The receipts of a worker in `receipts.log`, one synced record each, without signatures: a signature is made only after its record is
 * on disk, so that a worker that was killed anywhere never signs two receipts with one counter. Throws `STORE_FAILED` if the file
 * is damaged.
 */
export async function openReceiptLog(folder: string): Promise<ReceiptLog & AsyncDisposable> {
  const log = await openAppendLog({ path: join(folder, 'receipts.log') });
  const next = new Map<bigint, bigint>();
  const dispatches = new Map<string, bigint>();
  let newest = 0n;

  const note = (receipt: Receipt): void => {
    const taken = next.get(receipt.epoch) ?? 0n;
    if (receipt.counter >= taken) next.set(receipt.epoch, receipt.counter + 1n);
    dispatches.set(toHex(receipt.dispatchHash), receipt.epoch);
    if (receipt.epoch <= newest) return;
    newest = receipt.epoch;
    for (const [dispatch, epoch] of dispatches) if (epoch + REMEMBERED_EPOCHS < newest) dispatches.delete(dispatch);
  };

  for await (const record of log.read()) note(decode(receiptRecord.fields, record));

  return {
    takeCounter(epoch) {
      const counter = next.get(epoch) ?? 0n;
      next.set(epoch, counter + 1n);
      return counter;
    },
    async record(receipt) {
      note(receipt);
      await log.append(encode(receiptRecord.fields, receipt));
    },
    hasDispatch: (dispatchHash) => dispatches.has(toHex(dispatchHash)),
    [Symbol.asyncDispose]: () => log.close(),
  };
}
