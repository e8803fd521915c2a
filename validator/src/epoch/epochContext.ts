import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type CheckedEntry,
  compareDispatchPlaces,
  type DispatchPlace,
  dispatchPlaceOf,
  equalBytes,
  type ManifestBody,
  type Participant,
  receiptSetTree,
  type SumTree,
  toHex,
} from '@karmesh/sdk/protocol';
import type { EpochFacts } from '../chain/chainReader.ts';
import { auditDraw, auditsByEntry, type DrawnAudit } from './drawnAudits.ts';
import { type DutyParts, validatorsOf } from './dutyParts.ts';
import { keepCarried } from './keepCarried.ts';
import type { Ledger } from './ledger.ts';
import { readSet } from './readSet.ts';
import type { VerdictContext } from './verdictList.ts';

/** All that an epoch's second vote follows from, once its beacon is recorded. */
export interface EpochContext {
  readonly manifest: ManifestBody;
  /** Over the manifest's entries. */
  readonly tree: SumTree;
  readonly ledger: Ledger;
  /** The set's entries in dispatch order, read from disk one by one. Throws `STORE_FAILED` if one is gone. */
  readonly entries: () => Iterable<CheckedEntry>;
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
  if (!(await sets.hold({ account, manifest }, { signal }))) return undefined;
  const carried = ledger.state.carried.flatMap(({ entryHash }) => store.entry(entryHash)?.checked ?? []);
  if (carried.length < ledger.state.carried.length) {
    parts.log.warn(
      { epoch: epoch.toString(), carried: ledger.state.carried.length },
      'Carried entries are still sought.',
    );
    await keepCarried(parts, { ledger, current: epoch + 1n }, { signal });
    return undefined;
  }
  const validators = validatorsOf(chain.participants(), epoch);
  const draw = auditDraw({
    domain,
    epoch,
    beacon,
    offchain: parts.offchain,
    validators,
    drawnBefore: ledger.state.carried,
  });
  const places: (DispatchPlace & { readonly position: number })[] = [];
  const gateways = new Map<string, Participant>();
  const drawnAt: { readonly position: number; readonly drawn: DrawnAudit }[] = [];
  for await (const { position, stored } of readSet(store, manifest, { signal })) {
    const { checked } = stored;
    const drawn = draw(checked, { isCarried: false });
    if (drawn !== undefined) drawnAt.push({ position, drawn });
    const place = dispatchPlaceOf(checked);
    const name = toHex(place.gateway);
    const gateway = gateways.get(name) ?? place.gateway;
    gateways.set(name, gateway);
    places.push({ ...place, gateway, position });
  }
  if (places.length < manifest.entries.length) return undefined;
  const audits = drawnAt.sort((a, b) => a.position - b.position).map(({ drawn }) => drawn);
  for (const checked of carried) {
    const drawn = draw(checked, { isCarried: true });
    if (drawn !== undefined) audits.push(drawn);
  }
  const order = Uint32Array.from(places.sort(compareDispatchPlaces), (place) => place.position);
  function* entries(): Generator<CheckedEntry> {
    for (const at of order) {
      const row = manifest?.entries[at];
      const stored = row === undefined ? undefined : store.entry(row.entryHash);
      if (stored === undefined)
        throw new KarmeshError('STORE_FAILED', 'An entry of a closed set is gone.', { epoch, position: at });
      yield stored.checked;
    }
  }
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
      audits: auditsByEntry(audits),
      identityOf: (validator) => validators.find(({ participant }) => equalBytes(participant, validator))?.identity,
    },
  };
  if (parts.contexts.size >= 2) parts.contexts.clear();
  parts.contexts.set(key, context);
  return context;
}
