import { auditedReceipt, auditRateOf, drawAuditors, isAudited, type StakedValidator } from './audit.ts';
import type { AuditAsk } from './auditFrames.ts';
import { equalBytes } from './bytes.ts';
import { agreeingReceipts } from './checkEntry.ts';
import { entryHashOf, type RevealedReceipt } from './entry.ts';
import { type Hash, ZERO_HASH } from './hash.ts';
import type { Domain } from './header.ts';
import { entryLeaf } from './manifest.ts';
import { reachedRoot } from './merkle.ts';
import { auditRates, type OffchainParameters } from './parameters.ts';
import { receiptRecord, verdictRecord } from './records.ts';
import { carriedLeaf } from './report.ts';
import { checkRecord, type Identity } from './signature.ts';

/** An epoch's account. */
export interface AuditedEpoch {
  readonly receiptSetRoot: Hash;
  /** Once it is recorded. */
  readonly beacon: Hash | undefined;
  readonly carriedRoot: Hash;
  /** Whether its report is in force. */
  readonly isFinal: boolean;
}

/** What a worker reads on chain to judge an ask. */
export interface AuditChain {
  readonly domain: Domain;
  readonly offchain: OffchainParameters;
  readonly epoch: (epoch: bigint) => AuditedEpoch | undefined;
  readonly validators: (epoch: bigint) => readonly (StakedValidator & { readonly identity: Identity })[];
}

export type AuditAskVerdict =
  | {
      readonly verdict: 'accept';
      readonly entryHash: Hash;
      readonly receipt: RevealedReceipt;
      readonly receiptHash: Hash;
      /** The epoch in whose set the entry stands, and the beacon that drew it first. */
      readonly drawnEpoch: bigint;
      readonly drawnBeacon: Hash;
    }
  | { readonly verdict: 'reject'; readonly rule: 'U-11'; readonly reason: 'not-drawn' | 'unknown-epoch' };

/** U-11: a worker opens an answer only to the auditor whom the beacon drew for it; both sides recompute the draw by this function. `asker` is the stream's identity. */
export function checkAuditAsk(
  chain: AuditChain,
  options: { readonly ask: AuditAsk; readonly asker: Identity },
): AuditAskVerdict {
  const { ask, asker } = options;
  const notDrawn: AuditAskVerdict = { verdict: 'reject', rule: 'U-11', reason: 'not-drawn' };
  const drawnIn = chain.epoch(ask.epoch);
  const tree = chain.epoch(ask.treeEpoch);
  if (drawnIn?.beacon === undefined || tree === undefined)
    return { verdict: 'reject', rule: 'U-11', reason: 'unknown-epoch' };
  const { beacon } = drawnIn;
  const entryHash = entryHashOf(ask.entry);
  const isCarried = ask.source === 'carried';
  const { drawnEpoch, drawnBeacon } = ask;
  if (!isCarried && (drawnEpoch !== ask.epoch || !equalBytes(drawnBeacon, beacon))) return notDrawn;
  const reached = isCarried
    ? reachedRoot(carriedLeaf(chain.domain, { epoch: ask.treeEpoch, entryHash, drawnEpoch, beacon: drawnBeacon }), {
        index: ask.index,
        path: ask.carriedPath,
      })
    : reachedRoot(entryLeaf(chain.domain, { epoch: ask.epoch, entryHash, price: ask.entry.outcome.value.price }), {
        index: ask.index,
        path: ask.setPath,
      });
  if (isCarried ? !isNewestReport(chain, ask) : ask.treeEpoch !== ask.epoch) return notDrawn;
  if (reached === undefined || !equalBytes(reached.hash, isCarried ? tree.carriedRoot : tree.receiptSetRoot))
    return notDrawn;
  const ratePer10000 = auditRateOf(auditRates(chain.offchain), ask.entry);
  if (!isCarried && !isAudited({ beacon, entryHash, ratePer10000 })) return notDrawn;
  const validators = chain.validators(ask.epoch);
  const auditors = drawAuditors({ beacon, entryHash, validators });
  const identityOf = (auditor: StakedValidator | undefined): Identity | undefined =>
    validators.find((validator) => validator.index === auditor?.index)?.identity;
  const drawn = identityOf(auditors[ask.attempt]);
  if (drawn === undefined || !equalBytes(drawn, asker)) return notDrawn;
  const agreeing = agreeingReceipts(ask.entry);
  if (agreeing.length === 0) return notDrawn;
  const receipt = agreeing[auditedReceipt({ beacon: drawnBeacon, entryHash, count: agreeing.length })];
  if (receipt === undefined) return notDrawn;
  const receiptHash = receiptRecord.hash(chain.domain, receipt.receipt.value);
  const accepted: AuditAskVerdict = { verdict: 'accept', entryHash, receipt, receiptHash, drawnEpoch, drawnBeacon };
  if (ask.attempt === 0) return accepted;
  const first = ask.verdicts[0];
  const firstIdentity = identityOf(auditors[0]);
  const firstFailed =
    first !== undefined &&
    firstIdentity !== undefined &&
    first.value.verdict === 'fail' &&
    first.value.attempt === 0 &&
    first.value.epoch === ask.epoch &&
    equalBytes(first.value.entryHash, entryHash) &&
    equalBytes(first.value.receiptHash, receiptHash) &&
    equalBytes(first.value.validator, auditors[0]?.participant ?? ZERO_HASH) &&
    checkRecord(verdictRecord, { domain: chain.domain, identity: firstIdentity }, first);
  return firstFailed ? accepted : notDrawn;
}

/** What an older report carried may have been settled since, and nobody is drawn for it any more. */
function isNewestReport(chain: AuditChain, { epoch, treeEpoch }: AuditAsk): boolean {
  if (treeEpoch >= epoch || chain.epoch(treeEpoch)?.isFinal !== true) return false;
  for (let between = treeEpoch + 1n; between < epoch; between++) if (chain.epoch(between)?.isFinal) return false;
  return true;
}
