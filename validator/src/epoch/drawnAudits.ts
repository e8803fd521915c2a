import {
  auditedReceipt,
  auditRateOf,
  auditRates,
  type CarriedEntry,
  type CheckedEntry,
  type Domain,
  drawAuditors,
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

/** U-01, U-02: what the beacon of an epoch draws from its set and from what earlier ones carried, entry by entry; undefined for what it does not. */
export function auditDraw(draw: {
  readonly domain: Domain;
  readonly epoch: bigint;
  readonly beacon: Hash;
  readonly offchain: OffchainParameters;
  readonly validators: readonly StakedValidator[];
  /** When each of them was drawn first. */
  readonly drawnBefore: readonly CarriedEntry[];
}): (checked: CheckedEntry, as: { readonly isCarried: boolean }) => DrawnAudit | undefined {
  const { domain, beacon, validators } = draw;
  const rates = auditRates(draw.offchain);
  const before = new Map(draw.drawnBefore.map((row) => [toHex(row.entryHash), row]));
  return (checked, { isCarried }) => {
    const { entryHash } = checked;
    const ratePer10000 = auditRateOf(rates, checked.entry);
    if (checked.agreeing.length === 0) return undefined;
    if (!isCarried && !isAudited({ beacon, entryHash, ratePer10000 })) return undefined;
    const { drawnEpoch, beacon: drawnBeacon } = before.get(toHex(entryHash)) ?? { drawnEpoch: draw.epoch, beacon };
    const count = checked.agreeing.length;
    const receipt = checked.agreeing[auditedReceipt({ beacon: drawnBeacon, entryHash, count })];
    if (receipt === undefined) return undefined;
    const receiptHash = receiptRecord.hash(domain, receipt.receipt.value);
    const auditors = drawAuditors({ beacon, entryHash, validators });
    return { entryHash, checked, isCarried, drawnEpoch, drawnBeacon, receipt, receiptHash, auditors };
  };
}

/** Drawn audits by the hex hash of their entry. */
export function auditsByEntry(audits: readonly DrawnAudit[]): ReadonlyMap<string, DrawnAudit> {
  return new Map(audits.map((audit) => [toHex(audit.entryHash), audit]));
}
