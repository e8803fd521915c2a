import {
  type Entry,
  entryHashOf,
  equalBytes,
  findBadSignature,
  type Identity,
  type ManifestBody,
  toHex,
} from '@karmesh/sdk/protocol';
import { nativeVerifySignature } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import type { EpochFacts } from '../chain/chainReader.ts';
import { accepted } from '../fixtures/accepted.ts';
import { fixtureMarket, named } from '../fixtures/market.ts';
import type { StoredEntry } from '../store/epochRecords.ts';
import { signatureSearch } from './badSignature.ts';

const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain } = market;
const signal = AbortSignal.timeout(10_000);
const account = { epoch: 5n, manifestHash: named('manifest') } as unknown as EpochFacts;
const stored = (number: number): StoredEntry =>
  accepted(market, { dispatchNumber: number, slot: 500n + BigInt(number) });

/** An entry that is honest but for its outcome, which names another price: not taken, and no evidence. */
function overpriced(number: number): Entry {
  const { entry } = stored(number).checked;
  return { ...entry, outcome: { ...entry.outcome, value: { ...entry.outcome.value, price: 77n } } };
}

function forged(number: number): Entry {
  const { entry } = stored(number).checked;
  const receipts = entry.evidence.receipts.map((one) => ({
    ...one,
    receipt: { ...one.receipt, signature: new Uint8Array(64).fill(3) },
  }));
  return { ...entry, evidence: { ...entry.evidence, receipts } };
}

function setOf(
  entries: readonly Entry[],
  identityOf?: (participant: Uint8Array) => Identity | undefined,
): ManifestBody {
  const group = market.group(5n);
  const candidates = group.candidates.map((one) => ({
    ...one,
    identity: identityOf?.(one.participant) ?? one.identity,
  }));
  return {
    epoch: 5n,
    entries: entries.map((entry) => ({ entryHash: entryHashOf(entry), price: entry.outcome.value.price })),
    groups: [{ ...group, candidates }],
    slotHashes: [],
    escrows: [],
  };
}

function searching(
  body: ManifestBody | undefined,
  has: { readonly held?: readonly StoredEntry[]; readonly served?: readonly Entry[] },
) {
  const { held = [], served = [] } = has;
  const fetched: string[] = [];
  const find = (entryHash: Uint8Array) => held.find((one) => equalBytes(one.entryHash, entryHash));
  const search = signatureSearch({
    domain,
    verify: nativeVerifySignature,
    epochOf: market.context.epochOf,
    store: { entry: find, hasEntry: (entryHash) => find(entryHash) !== undefined },
    sets: {
      manifest: async () => body,
      async supplement({ manifest }, { take, isKnown }) {
        for (const { entryHash } of manifest.entries) {
          if (find(entryHash) !== undefined || isKnown?.(entryHash) === true) continue;
          fetched.push(toHex(entryHash));
          const entry = served.find((one) => equalBytes(entryHashOf(one), entryHash));
          if (entry !== undefined) await take(entry);
        }
      },
    },
  });
  return { search: () => search(account, { signal }), fetched };
}

test('V-36: a set without a body is missing', async () => {
  expect(await searching(undefined, {}).search()).toBe('missing');
});

test('V-36: entries that were taken by the keys of the set are not judged again', async () => {
  const held = [1, 2].map(stored);
  const { search, fetched } = searching(setOf(held.map(({ checked }) => checked.entry)), { held });
  expect(await search()).toBeUndefined();
  expect(fetched).toEqual([]);
});

test('P-48, V-36: an entry that this validator took is bad where the set gives its worker another key', async () => {
  const held = [1, 2].map(stored);
  const [worker] = held[1]?.checked.drawn ?? [];
  if (worker === undefined) throw new RangeError('Three workers answered.');
  const body = setOf(
    held.map(({ checked }) => checked.entry),
    (participant) => (equalBytes(participant, worker.participant) ? market.gateway.keypair.publicKey : undefined),
  );
  expect(await searching(body, { held }).search()).toMatchObject({
    what: 'signature',
    epoch: 5n,
    manifestHash: account.manifestHash,
  });
});

test('V-36: what a worker signed and is not taken for another reason is fetched once, what is missing again', async () => {
  const [first, second] = [overpriced(1), stored(2).checked.entry];
  expect(findBadSignature({ domain }, { body: setOf([first]), entry: first, entryEpoch: 5n })).toBeUndefined();
  const { search, fetched } = searching(setOf([first, second]), { served: [first] });
  const [one, two] = [first, second].map((entry) => toHex(entryHashOf(entry)));
  expect(await search()).toBe('missing');
  expect(await search()).toBe('missing');
  expect(fetched).toEqual([one, two, two]);
});

test('P-48, V-36: one record is enough, whatever else of the set is missing', async () => {
  const [bad, missing] = [forged(1), stored(2).checked.entry];
  const { search, fetched } = searching(setOf([bad, missing]), { served: [bad] });
  expect(await search()).toMatchObject({ what: 'signature' });
  expect(fetched).toEqual([toHex(entryHashOf(bad))]);
});
