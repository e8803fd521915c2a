import {
  type EntryContext,
  encode,
  entryCodec,
  equalBytes,
  type ManifestBody,
  STANDING_AUTHORISATION,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import type { EpochFacts } from '../chain/chainReader.ts';
import { accepted } from '../fixtures/accepted.ts';
import { CHAIN_LENGTH, fixtureMarket } from '../fixtures/market.ts';
import type { ValidatorPeers } from '../peers/validatorPeers.ts';
import type { StoredEntry } from '../store/epochRecords.ts';
import { closedSets } from './closedSets.ts';
import type { DutyParts } from './dutyParts.ts';
import { keepCarried } from './keepCarried.ts';
import { EMPTY_LEDGER } from './ledger.ts';
import { buildManifest } from './manifest.ts';
import { manifestRowReader } from './manifestRows.ts';

const { signal } = new AbortController();
const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain } = market;
const wanted = accepted(market, { dispatchNumber: 1, slot: 501n });
const other = accepted(market, { dispatchNumber: 2, slot: 503n });
const CURRENT = 90n;

/** What only epoch 5 knew: nothing of it is in sight any more. */
const forgotten: EntryContext = {
  ...market.context,
  chain: () => undefined,
  slotHash: () => undefined,
  candidates: () => undefined,
};

/** A validator that came 85 epochs after an entry was drawn, beside peers who serve what they have. */
function newcomer(changes: { readonly account?: boolean; readonly manifest?: ManifestBody } = {}) {
  const manifest = buildManifest(
    {
      domain,
      epoch: 5n,
      earlier: () => false,
      snapshot: (epoch) => [market.group(epoch)],
      escrow: (address) => ({
        address,
        gateway: market.gateway.address,
        balance: 5_000_000n,
        cumulativeDebit: 0n,
        authorised: STANDING_AUTHORISATION,
        withdrawAmount: 0n,
        withdrawAfterEpoch: undefined,
        lastSettledEpoch: undefined,
      }),
    },
    {
      rows: [wanted, other].map(manifestRowReader({ snapshot: (epoch) => [market.group(epoch)] })),
      carriedEscrows: [],
    },
  );
  const kept: { readonly epoch: bigint; readonly stored: StoredEntry }[] = [];
  const fetched: Uint8Array[] = [];
  const past: DutyParts['chain']['past'] = {
    epoch: async (epoch) =>
      epoch === 5n && changes.account !== false
        ? ({ epoch, manifestHash: ZERO_HASH, proposer: market.validators[0]?.address } as unknown as EpochFacts)
        : undefined,
    gatewayChain: async (_, epoch) => ({ commitment: market.commitment(epoch), length: CHAIN_LENGTH }),
  };
  const store = {
    entry: () => undefined,
    hasEntry: () => false,
    addEntry: async () => undefined,
    addCarried: async (epoch: bigint, stored: StoredEntry) => void kept.push({ epoch, stored }),
  };
  const sets = closedSets({
    store,
    bodies: {
      find: async ({ epoch, kind }) =>
        (epoch === 5n && kind === 'manifest' ? (changes.manifest ?? manifest) : undefined) as never,
    },
    peers: {
      fetchBytes: async ({ hash }: { readonly hash: Uint8Array }) => {
        fetched.push(hash);
        return encode(entryCodec, wanted.checked.entry);
      },
    } as unknown as ValidatorPeers,
    context: () => forgotten,
    past,
    identityOf: () => undefined,
  });
  const chain = { epochs: () => [], past } as unknown as DutyParts['chain'];
  const carried = [{ entryHash: wanted.entryHash, drawnEpoch: 5n, beacon: ZERO_HASH }];
  const ledger = { ...EMPTY_LEDGER, state: { ...EMPTY_LEDGER.state, carried } };
  const keep = () =>
    keepCarried(
      { chain, sets, store: store as unknown as DutyParts['store'] },
      { ledger, current: CURRENT },
      { signal },
    );
  return { keep, kept, fetched, manifest };
}

test('T-05: an entry carried for longer than epochs are followed is found by the epoch that drew it', async () => {
  const { keep, kept, fetched } = newcomer();
  expect(await keep()).toBe('done');
  expect(kept).toEqual([{ epoch: CURRENT, stored: wanted }]);
  // The rest of that set is nobody’s business any more.
  expect(fetched).toHaveLength(1);
  expect(equalBytes(fetched[0] ?? ZERO_HASH, wanted.entryHash)).toBe(true);
});

test('T-05: what the chain has no epoch of is waited for', async () => {
  const { keep, kept } = newcomer({ account: false });
  expect(await keep()).toBe('waiting');
  expect(kept).toEqual([]);
});

test('T-05: an entry is judged by the draws of its set', async () => {
  const { manifest } = newcomer();
  const groups = manifest.groups.map((group) => ({ ...group, candidates: group.candidates.slice(1) }));
  const { keep, kept } = newcomer({ manifest: { ...manifest, groups } });
  expect(await keep()).toBe('waiting');
  expect(kept).toEqual([]);
});

test('T-05: an entry that does not stand in the set is not asked for', async () => {
  const { manifest } = newcomer();
  const { keep, fetched } = newcomer({ manifest: { ...manifest, entries: manifest.entries.slice(0, 0) } });
  expect(await keep()).toBe('waiting');
  expect(fetched).toEqual([]);
});
