import {
  type CheckedEntry,
  equalBytes,
  type ManifestBody,
  receiptSetTree,
  type SumTree,
  toHex,
} from '@karmesh/sdk/protocol';
import type { EpochFacts } from '../chain/chainReader.ts';
import { type DrawnAudit, drawnAudits } from './drawnAudits.ts';
import { type DutyParts, validatorsOf } from './dutyParts.ts';
import { keepCarried } from './keepCarried.ts';
import type { Ledger } from './ledger.ts';
import type { VerdictContext } from './verdictList.ts';

/** All that an epoch's second vote follows from, once its beacon is recorded. */
export interface EpochContext {
  readonly manifest: ManifestBody;
  /** Over the manifest's entries. */
  readonly tree: SumTree;
  readonly ledger: Ledger;
  readonly entries: readonly CheckedEntry[];
  readonly carried: readonly CheckedEntry[];
  readonly audits: readonly DrawnAudit[];
  readonly verdicts: VerdictContext;
}

/** Undefined while something of it is not held here. */
export async function epochContext(
  parts: DutyParts,
  account: EpochFacts,
  { signal }: { readonly signal: AbortSignal },
): Promise<EpochContext | undefined> {
  const { domain, chain, sets, store } = parts;
  const { epoch, beacon } = account;
  const ledger = parts.ledger.current();
  const key = `${epoch} ${toHex(beacon)} ${toHex(ledger.state.root)}`;
  const known = parts.contexts.get(key);
  if (known !== undefined) return known;
  const manifest = await sets.manifest(account, { signal });
  if (manifest === undefined) return undefined;
  const stored = await sets.entries({ account, manifest }, { signal });
  if (stored === undefined) return undefined;
  const carried = ledger.state.carried.flatMap(({ entryHash }) => store.entry(entryHash)?.checked ?? []);
  if (carried.length < ledger.state.carried.length) {
    parts.log.warn(
      { epoch: epoch.toString(), carried: ledger.state.carried.length },
      'Carried entries are still sought.',
    );
    await keepCarried(parts, { ledger, current: epoch + 1n }, { signal });
    return undefined;
  }
  const entries = stored.map(({ checked }) => checked);
  const validators = validatorsOf(chain.participants(), epoch);
  const audits = drawnAudits({
    domain,
    epoch,
    beacon,
    offchain: parts.offchain,
    validators,
    entries,
    carried,
    drawnBefore: ledger.state.carried,
  });
  const { verify } = parts.context();
  const context: EpochContext = {
    manifest,
    tree: receiptSetTree(domain, manifest),
    ledger,
    entries,
    carried,
    audits,
    verdicts: {
      domain,
      ...(verify === undefined ? {} : { verify }),
      epoch,
      audits,
      identityOf: (validator) => validators.find(({ participant }) => equalBytes(participant, validator))?.identity,
    },
  };
  if (parts.contexts.size >= 4) parts.contexts.clear();
  parts.contexts.set(key, context);
  return context;
}
