import { describe, expect, test } from 'vitest';
import { badSignatureEvidence, findBadSignature } from './badSignature.ts';
import { equalBytes } from './bytes.ts';
import { encode } from './codec.ts';
import { type Entry, entryCodec, entryHashOf } from './entry.ts';
import { label, Market } from './fixtures/market.ts';
import type { ManifestBody } from './manifest.ts';
import { refusalRecord } from './records.ts';
import { signRecord } from './signature.ts';

const market = new Market();
const { domain, modelId, engineClass, candidates } = market;
const entry = market.entry();
const setOf = (one: Entry): ManifestBody => ({
  epoch: 1n,
  entries: [{ entryHash: entryHashOf(one), price: 5n }],
  groups: [{ epoch: 1n, engineClass, modelId, candidates: [...candidates] }],
  slotHashes: [],
  escrows: [],
});

test('P-48: evidence is the entry, its place in the set and the worker’s among the candidates', () => {
  const body = setOf(entry);
  const evidence = badSignatureEvidence(domain, { body, entry, entryEpoch: 1n, record: 'receipt', place: 1 });
  const encoded = encode(entryCodec, entry);
  expect(evidence.subarray(0, 2)).toEqual(new Uint8Array([6, 1]));
  expect(evidence.subarray(2, 2 + encoded.length)).toEqual(encoded);
  // One entry and one group have paths of no steps, ten candidates one of four.
  expect(evidence.length).toBe(2 + encoded.length + (4 + 8 + 4) + (4 + 4 + 4 + 32 + 8 + 4 + 4 * 40) + (4 + 4 + 4));
});

test('P-48: the longest evidence fits a buffer', () => {
  const eight = <T>(list: readonly T[]): T[] => Array.from({ length: 8 }, (_, i) => list[i % list.length] as T);
  const { evidence } = entry;
  const signer = { publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) };
  const [worker] = candidates;
  if (worker === undefined) throw new RangeError('The market has workers.');
  const refusal = signRecord(
    refusalRecord,
    { domain, signer },
    { dispatchHash: label('dispatch'), worker: worker.participant, reason: 'paused' as const, refusedAtMs: 1n },
  );
  const { value } = market.entry({ roles: ['x', 'x', 'times out'] }).evidence.timeouts[0] ?? { value: undefined };
  if (value === undefined) throw new RangeError('A worker timed out.');
  const full: Entry = {
    ...entry,
    evidence: {
      seals: eight(evidence.seals),
      receipts: eight(evidence.receipts),
      refusals: eight([refusal]),
      timeouts: eight([{ value, signature: new Uint8Array(64) }]),
    },
  };
  expect(encode(entryCodec, full).length).toBe(7_603);
  const shown = { body: setOf(full), entry: full, entryEpoch: 1n, place: 0, record: 'refusal' } as const;
  const least = badSignatureEvidence(domain, shown).length;
  // 2^20 entries, 2^20 candidates in place of ten, 1,024 groups.
  expect(least + (20 + (20 - 4) + 10) * 40).toBeLessThanOrEqual(10_180);
});

test('P-48: a record, a worker or an entry that is not there is a fault of the caller', () => {
  const body = setOf(entry);
  const shown = { body, entry, entryEpoch: 1n, record: 'receipt', place: 0 } as const;
  const fault = expect.objectContaining({ code: 'BAD_ARGUMENT' });
  expect(() => badSignatureEvidence(domain, { ...shown, place: 3 })).toThrow(fault);
  expect(() => badSignatureEvidence(domain, { ...shown, record: 'refusal' })).toThrow(fault);
  expect(() => badSignatureEvidence(domain, { ...shown, entryEpoch: 2n })).toThrow(fault);
  expect(() => badSignatureEvidence(domain, { ...shown, body: { ...body, entries: [] } })).toThrow(fault);
});

describe('P-48: the record that its worker did not sign is found', () => {
  const body = setOf(entry);
  const found = (of: Entry, groups = body.groups) =>
    findBadSignature({ domain }, { body: { groups }, entry: of, entryEpoch: 1n });
  const flipped = (signature: Uint8Array): Uint8Array => signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte));
  const { evidence } = entry;
  const refusing = market.entry({ roles: ['x', 'x', 'refuses', 'x'] });

  test('in none of an honest entry', () => {
    expect(found(entry)).toBeUndefined();
    expect(found(refusing)).toBeUndefined();
  });

  test('in each list, the first of it', () => {
    const seals = evidence.seals.map((one, i) => ({
      ...one,
      seal: i === 0 ? one.seal : { ...one.seal, signature: flipped(one.seal.signature) },
    }));
    expect(found({ ...entry, evidence: { ...evidence, seals } })).toEqual({ record: 'seal', place: 1 });
    const receipts = evidence.receipts.map((one, i) => ({
      ...one,
      receipt: i < 2 ? one.receipt : { ...one.receipt, signature: flipped(one.receipt.signature) },
    }));
    expect(found({ ...entry, evidence: { ...evidence, receipts } })).toEqual({ record: 'receipt', place: 2 });
    const refusals = refusing.evidence.refusals.map((one) => ({ ...one, signature: flipped(one.signature) }));
    expect(found({ ...refusing, evidence: { ...refusing.evidence, refusals } })).toEqual({
      record: 'refusal',
      place: 0,
    });
  });

  test('by the key that the set gives its worker, and by no other', () => {
    const worker = evidence.receipts[1]?.receipt.value.worker ?? new Uint8Array();
    const groups = body.groups.map((group) => ({
      ...group,
      candidates: group.candidates.map((one) =>
        equalBytes(one.participant, worker) ? { ...one, identity: candidates[9]?.identity ?? one.identity } : one,
      ),
    }));
    expect(found(entry, groups)).toEqual({ record: 'seal', place: 1 });
  });

  test('not where the set has no such worker or group, which nothing could show', () => {
    const forged = {
      ...entry,
      evidence: {
        ...evidence,
        receipts: evidence.receipts.map((one) => ({
          ...one,
          receipt: { ...one.receipt, signature: new Uint8Array(64) },
        })),
      },
    };
    expect(found(forged)).toEqual({ record: 'receipt', place: 0 });
    expect(
      found(
        forged,
        body.groups.map((group) => ({ ...group, candidates: [] })),
      ),
    ).toBeUndefined();
    expect(found(forged, [])).toBeUndefined();
  });
});
