import {
  auditedReceipt,
  auditRateOf,
  auditRates,
  type CarriedEntry,
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
  toHex,
} from '@karmesh/sdk/protocol';

/** One answer that the beacon drew, and who audits it: the first auditor, then the second that a failing verdict needs. */
export interface DrawnAudit {
  readonly entryHash: Hash;
  readonly checked: CheckedEntry;
  readonly isCarried: boolean;
  /** The epoch in whose set it stands, and the beacon that drew it first. */
  readonly drawnEpoch: bigint;
  readonly drawnBeacon: Hash;
  readonly receipt: RevealedReceipt;
  readonly receiptHash: Hash;
  readonly auditors: readonly StakedValidator[];
}

/** U-01, U-02: everything that the beacon of an epoch draws from its set and from what earlier ones carried. */
export function drawnAudits(draw: {
  readonly domain: Domain;
  readonly epoch: bigint;
  readonly beacon: Hash;
  readonly offchain: OffchainParameters;
  readonly validators: readonly StakedValidator[];
  readonly entries: readonly CheckedEntry[];
  readonly carried: readonly CheckedEntry[];
  /** When each of them was drawn first. */
  readonly drawnBefore: readonly CarriedEntry[];
}): readonly DrawnAudit[] {
  const { domain, beacon, validators } = draw;
  const rates = auditRates(draw.offchain);
  const before = new Map(draw.drawnBefore.map((row) => [toHex(row.entryHash), row]));
  const drawnOf = (checked: CheckedEntry, isCarried: boolean): readonly DrawnAudit[] => {
    const entryHash = entryHashOf(checked.entry);
    const ratePer10000 = auditRateOf(rates, checked.entry);
    if (checked.agreeing.length === 0) return [];
    if (!isCarried && !isAudited({ beacon, entryHash, ratePer10000 })) return [];
    const { drawnEpoch, beacon: drawnBeacon } = before.get(toHex(entryHash)) ?? { drawnEpoch: draw.epoch, beacon };
    const count = checked.agreeing.length;
    const receipt = checked.agreeing[auditedReceipt({ beacon: drawnBeacon, entryHash, count })];
    if (receipt === undefined) return [];
    const receiptHash = receiptRecord.hash(domain, receipt.receipt.value);
    const auditors = drawAuditors({ beacon, entryHash, validators });
    return [{ entryHash, checked, isCarried, drawnEpoch, drawnBeacon, receipt, receiptHash, auditors }];
  };
  return [
    ...draw.entries.flatMap((checked) => drawnOf(checked, false)),
    ...draw.carried.flatMap((checked) => drawnOf(checked, true)),
  ];
}
