import { compareBytes, toHex } from './bytes.ts';
import type { ReceiptCredit } from './creditList.ts';
import type { Domain } from './header.ts';
import type { Participant } from './ids.ts';
import type { ChainParameters, OffchainParameters } from './parameters.ts';
import { type Verdict, verdictRecord } from './records.ts';

/**
 * K-05, M-06: what the counted verdicts of an epoch earn their auditors: an equal part of the audit share of what settles, and
 * validation karma up to the cap per validator, in the order of (entry hash, attempt), the last one cut to what is left. `settled`
 * is the sum of all debits in lamports. What earns nothing is left out.
 */
export function auditCredits(
  input: { readonly domain: Domain; readonly chain: ChainParameters; readonly offchain: OffchainParameters },
  audited: { readonly counted: readonly Verdict[]; readonly settled: bigint },
): readonly { readonly participant: Participant; readonly credit: ReceiptCredit }[] {
  const { chain, offchain, domain } = input;
  const { counted, settled } = audited;
  if (counted.length === 0) return [];
  const owed = (settled * chain.auditShareBps) / 10_000n / BigInt(counted.length);
  const rooms = new Map<string, bigint>();
  return counted.toSorted(inOrder).flatMap((verdict) => {
    const participant = verdict.validator;
    const room = rooms.get(toHex(participant)) ?? chain.validationCapMicroKarma;
    const { validationKarmaPerVerdict: full } = offchain;
    const earned = full < room ? full : room;
    rooms.set(toHex(participant), room - earned);
    if (earned === 0n && owed === 0n) return [];
    const receiptHash = verdictRecord.hash(domain, verdict);
    const credit: ReceiptCredit = {
      entryHash: verdict.entryHash,
      receiptHash,
      karma: [0n, 0n, 0n, 0n, earned],
      owed,
    };
    return [{ participant, credit }];
  });
}

function inOrder(a: Verdict, b: Verdict): number {
  return compareBytes(a.entryHash, b.entryHash) || a.attempt - b.attempt;
}
