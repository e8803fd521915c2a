import { KarmeshError } from '../errors.ts';
import { type CandidateGroup, candidateTree } from './assignment.ts';
import { compareBytes, concatBytes, equalBytes, u32le, u64le } from './bytes.ts';
import { encode } from './codec.ts';
import { type Entry, entryCodec, entryHashOf } from './entry.ts';
import type { Domain, HeaderCodec } from './header.ts';
import type { Participant } from './ids.ts';
import { candidateGroupsTree, type ManifestBody, receiptSetTree } from './manifest.ts';
import type { SumPath } from './merkle.ts';
import { receiptRecord, refusalRecord, sealRecord } from './records.ts';
import { checkRecord, type Signed, type VerifySignature } from './signature.ts';

/** P-48: the records of an entry that its workers sign. */
export type WorkerRecord = 'seal' | 'receipt' | 'refusal';
const RECORD_KIND = { seal: sealRecord.kind, receipt: receiptRecord.kind, refusal: refusalRecord.kind } as const;

function workerOf({ evidence }: Entry, record: WorkerRecord, place: number): Participant | undefined {
  switch (record) {
    case 'seal':
      return evidence.seals[place]?.seal.value.worker;
    case 'receipt':
      return evidence.receipts[place]?.receipt.value.worker;
    case 'refusal':
      return evidence.refusals[place]?.value.worker;
  }
}

function pathBytes(path: SumPath): Uint8Array {
  return concatBytes(
    u32le(path.length),
    ...path.map(({ hash, sums }) => concatBytes(hash, ...sums.map((sum) => u64le(sum)))),
  );
}

/** Which candidates an entry's workers were drawn from, as its set says; -1 if that is not in the set. */
function groupPlaceOf({ groups }: Pick<ManifestBody, 'groups'>, { dispatch }: Entry, entryEpoch: bigint): number {
  const { modelId, engineClass } = dispatch.value;
  return groups.findIndex(
    (one) => one.epoch === entryEpoch && equalBytes(one.engineClass, engineClass) && equalBytes(one.modelId, modelId),
  );
}

/** A record of an entry, by its kind and its place in the entry's list of that kind. */
export interface RecordPlace {
  readonly record: WorkerRecord;
  readonly place: number;
}

/** The candidates that a set gives an entry; undefined if it gives none. */
export function candidatesOfEntry(
  body: Pick<ManifestBody, 'groups'>,
  { entry, entryEpoch }: { readonly entry: Entry; readonly entryEpoch: bigint },
): CandidateGroup | undefined {
  return body.groups[groupPlaceOf(body, entry, entryEpoch)];
}

/**
 * P-48: the first record of an entry that its worker's identity among the set's candidates did not sign (F-05), which is what
 * `badSignatureEvidence` shows. Undefined if all of them hold. Who is no candidate of the set signs nothing that could be shown.
 */
export function findBadSignature(
  context: { readonly domain: Domain; readonly verify?: VerifySignature },
  set: {
    readonly body: Pick<ManifestBody, 'groups'>;
    readonly entry: Entry;
    /** That of the dispatch's slot. */
    readonly entryEpoch: bigint;
  },
): RecordPlace | undefined {
  const candidates = candidatesOfEntry(set.body, set)?.candidates ?? [];
  const isBad = <T extends { readonly worker: Participant }>(record: HeaderCodec<T>, signed: Signed<T>): boolean => {
    const candidate = candidates.find(({ participant }) => equalBytes(participant, signed.value.worker));
    return candidate !== undefined && !checkRecord(record, { ...context, identity: candidate.identity }, signed);
  };
  const { seals, receipts, refusals } = set.entry.evidence;
  const places: Readonly<Record<WorkerRecord, number>> = {
    seal: seals.findIndex(({ seal }) => isBad(sealRecord, seal)),
    receipt: receipts.findIndex(({ receipt }) => isBad(receiptRecord, receipt)),
    refusal: refusals.findIndex((refusal) => isBad(refusalRecord, refusal)),
  };
  const record = (['seal', 'receipt', 'refusal'] as const).find((one) => places[one] >= 0);
  return record === undefined ? undefined : { record, place: places[record] };
}

/**
 * P-48: the evidence that a record in a closed set is not signed by the identity that the set's candidates give its worker. It fits one
 * buffer whatever the set: an entry has at most 7,603 bytes. Throws `BAD_ARGUMENT` for a record or a worker that is not there.
 */
export function badSignatureEvidence(
  domain: Domain,
  shown: RecordPlace & {
    /** What the manifest of the epoch stands for. */
    readonly body: ManifestBody;
    readonly entry: Entry;
    /** That of the dispatch's slot. */
    readonly entryEpoch: bigint;
  },
): Uint8Array {
  const { body, entry, entryEpoch, record, place } = shown;
  const entryHash = entryHashOf(entry);
  const index = body.entries.findIndex((row) => equalBytes(row.entryHash, entryHash));
  const groupPlace = groupPlaceOf(body, entry, entryEpoch);
  const group = body.groups[groupPlace];
  const worker = workerOf(entry, record, place);
  const candidatePlace =
    group?.candidates.findIndex(({ participant }) => compareBytes(participant, worker ?? new Uint8Array()) === 0) ?? -1;
  const candidate = group?.candidates[candidatePlace];
  const price = body.entries[index]?.price;
  if (group === undefined || candidate === undefined || price === undefined) {
    throw new KarmeshError('BAD_ARGUMENT', 'A set is shown with an entry of it and a worker among its candidates.', {
      index,
      group: groupPlace,
      candidate: candidatePlace,
    });
  }
  return concatBytes(
    new Uint8Array([RECORD_KIND[record], place]),
    encode(entryCodec, entry),
    u32le(index),
    u64le(price),
    pathBytes(receiptSetTree(domain, body).path(index)),
    u32le(group.candidates.length),
    u32le(candidatePlace),
    u32le(candidate.index),
    candidate.identity,
    u64le(candidate.weight),
    pathBytes(candidateTree(domain, group).path(candidatePlace)),
    u32le(groupPlace),
    u32le(body.groups.length),
    pathBytes(candidateGroupsTree(domain, body.groups).path(groupPlace)),
  );
}
