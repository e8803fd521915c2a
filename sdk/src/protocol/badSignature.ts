import { KarmeshError } from '../errors.ts';
import { candidateTree } from './assignment.ts';
import { compareBytes, concatBytes, equalBytes, u32le, u64le } from './bytes.ts';
import { encode } from './codec.ts';
import { type Entry, entryCodec, entryHashOf } from './entry.ts';
import type { Domain } from './header.ts';
import type { Participant } from './ids.ts';
import { candidateGroupsTree, type ManifestBody, receiptSetTree } from './manifest.ts';
import type { SumPath } from './merkle.ts';
import { receiptRecord, refusalRecord, sealRecord } from './records.ts';

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

/**
 * P-48: the evidence that a record in a closed set is not signed by the identity that the set's candidates give its worker. It fits one
 * buffer whatever the set: an entry has at most 7,595 bytes. Throws `BAD_ARGUMENT` for a record or a worker that is not there.
 */
export function badSignatureEvidence(
  domain: Domain,
  shown: {
    /** What the manifest of the epoch stands for. */
    readonly body: ManifestBody;
    readonly entry: Entry;
    /** That of the dispatch's slot. */
    readonly entryEpoch: bigint;
    readonly record: WorkerRecord;
    /** In the entry's list of such records. */
    readonly place: number;
  },
): Uint8Array {
  const { body, entry, entryEpoch, record, place } = shown;
  const { modelId, engineClass } = entry.dispatch.value;
  const entryHash = entryHashOf(entry);
  const index = body.entries.findIndex((row) => equalBytes(row.entryHash, entryHash));
  const groupPlace = body.groups.findIndex(
    (one) => one.epoch === entryEpoch && equalBytes(one.engineClass, engineClass) && equalBytes(one.modelId, modelId),
  );
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
