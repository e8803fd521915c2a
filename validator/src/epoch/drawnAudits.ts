import {
  auditedReceipt,
  auditRateOf,
  auditRates,
  type CheckedEntry,
  type Domain,
  drawAuditors,
  entryHashOf,
  type Hash,
  isAudited,
  type OffchainParameters,
  type RevealedReceipt,
  receiptRecord,
  type StakedValidator,
} from '@karmesh/sdk/protocol';

/** One answer that the beacon drew, and who audits it: the first auditor, then the second that a failing verdict needs. */
export interface DrawnAudit {
  readonly entryHash: Hash;
  readonly checked: CheckedEntry;
  readonly isCarried: boolean;
  readonly receipt: RevealedReceipt;
  readonly receiptHash: Hash;
  readonly auditors: readonly StakedValidator[];
}

/** U-01, U-02: everything that the beacon of an epoch draws from its set and from what earlier ones carried. */
export function drawnAudits(draw: {
  readonly domain: Domain;
  readonly beacon: Hash;
  readonly offchain: OffchainParameters;
  readonly validators: readonly StakedValidator[];
  readonly entries: readonly CheckedEntry[];
  readonly carried: readonly CheckedEntry[];
}): readonly DrawnAudit[] {
  const { domain, beacon, validators } = draw;
  const rates = auditRates(draw.offchain);
  const drawnOf = (checked: CheckedEntry, isCarried: boolean): readonly DrawnAudit[] => {
    const entryHash = entryHashOf(checked.entry);
    const ratePer10000 = auditRateOf(rates, checked.entry);
    if (checked.agreeing.length === 0) return [];
    if (!isCarried && !isAudited({ beacon, entryHash, ratePer10000 })) return [];
    const receipt = checked.agreeing[auditedReceipt({ beacon, entryHash, count: checked.agreeing.length })];
    if (receipt === undefined) return [];
    const receiptHash = receiptRecord.hash(domain, receipt.receipt.value);
    const auditors = drawAuditors({ beacon, entryHash, validators });
    return [{ entryHash, checked, isCarried, receipt, receiptHash, auditors }];
  };
  return [
    ...draw.entries.flatMap((checked) => drawnOf(checked, false)),
    ...draw.carried.flatMap((checked) => drawnOf(checked, true)),
  ];
}
