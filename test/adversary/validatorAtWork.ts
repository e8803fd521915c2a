import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  type CheckedEntry,
  type Entry,
  entryHashOf,
  equalBytes,
  exclusionSet,
  type ManifestBody,
  STANDING_AUTHORISATION,
  setEntriesOf,
  type TallyResult,
  tally,
  toHex,
  type Verdict,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { label, type Market } from '../../sdk/src/protocol/fixtures/market.ts';
import { buildManifest, checkManifest, type ManifestKnowledge } from '../../validator/src/epoch/manifest.ts';
import { manifestRowReader } from '../../validator/src/epoch/manifestRows.ts';
import { ingest } from '../../validator/src/ingest/ingest.ts';
import { openStore } from '../../validator/src/store/openStore.ts';

/** Four validators of one stake. */
export const VALIDATORS = [0, 1, 2, 3].map((i) => ({
  participant: label(`validator ${i}`),
  index: 100 + i,
  stake: 1_000_000_000n,
}));
export const BEACON = label('beacon');

/** An honest validator's ingest, store, proposing, attesting and tallying over the protocol's fixture. */
export interface ValidatorAtWork extends AsyncDisposable {
  /** Takes an entry in; the verdict with its rule: `accept`, `reject E-17`. */
  take(entry: Entry): Promise<string>;
  /** How many entries of an epoch the store holds. */
  held(epoch: bigint): number;
  /** Proposes the set of an epoch from what it holds, and makes sure that an attester agrees. */
  close(epoch: bigint, options?: { readonly after?: ManifestBody }): ManifestBody;
  /** The rule by which an attester refuses a set that a hostile proposer made of these entries; undefined if it attests. */
  attest(body: ManifestBody, options?: { readonly after?: ManifestBody }): string | undefined;
  /** The tally of a closed set. */
  tally(
    body: ManifestBody,
    options?: { readonly verdicts?: readonly Verdict[]; readonly auditRate?: bigint },
  ): TallyResult;
  checked(entryHash: Uint8Array): CheckedEntry;
}

export async function validatorAtWork(market: Market): Promise<ValidatorAtWork> {
  const { domain, modelId, engineClass, candidates, context } = market;
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-adversary-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const store = stack.use(await openStore({ folder }));
  const counts: string[] = [];
  const taker = stack.use(
    ingest()({
      store,
      context: () => context,
      currentEpoch: () => 1n,
      fetchBytes: async () => undefined,
      nowMs: () => 0,
      log: logger({ name: 'validator', level: 'silent' })(),
      count: ({ verdict, rule }) => counts.push(`${verdict} ${rule}`.trim()),
    }),
  );
  const preset = clusterPreset('localnet');

  const checked = (entryHash: Uint8Array): CheckedEntry => {
    const stored = store.entry(entryHash);
    if (stored === undefined) throw new RangeError('The validator does not hold this entry.');
    return stored.checked;
  };
  const entriesOf = (body: ManifestBody): readonly CheckedEntry[] =>
    body.entries.map(({ entryHash }) => checked(entryHash));
  const knowledgeOf = (epoch: bigint, after: ManifestBody | undefined): ManifestKnowledge => {
    const used = exclusionSet(setEntriesOf(after === undefined ? [] : entriesOf(after)));
    return {
      domain,
      epoch,
      earlier: used.has,
      snapshot: (at) => [{ epoch: at, engineClass, modelId, candidates }],
      escrow: (address) =>
        ['escrow', 'escrow of gateway 2'].some((name) => equalBytes(address, label(name)))
          ? {
              address,
              gateway: context.escrowGateway(address) ?? label('no gateway'),
              balance: 1_000_000_000n,
              cumulativeDebit: 0n,
              authorised: STANDING_AUTHORISATION,
              withdrawAmount: 0n,
              withdrawAfterEpoch: undefined,
              lastSettledEpoch: undefined,
            }
          : undefined,
    };
  };
  const heldNow = () => [0n, 1n, 2n].flatMap((epoch) => [...(store.book(epoch)?.entries() ?? [])]);
  const attest: ValidatorAtWork['attest'] = (body, { after } = {}) => {
    const knowledge = knowledgeOf(body.epoch, after);
    const rowOf = manifestRowReader(knowledge);
    const rows = body.entries.map(({ entryHash }) => {
      const stored = store.entry(entryHash);
      return stored === undefined ? undefined : rowOf(stored);
    });
    return checkManifest({ ...knowledge, escrowAtEnd: () => undefined }, { body, rows })?.rule;
  };

  const owned = stack.move();
  return {
    checked,
    attest,
    async take(entry) {
      counts.length = 0;
      await taker.entry(entry);
      return counts.join(', ');
    },
    held: (epoch) => store.book(epoch)?.entryCount ?? 0,
    close(epoch, { after } = {}) {
      const knowledge = knowledgeOf(epoch, after);
      const rows = heldNow().map(manifestRowReader(knowledge));
      const body = buildManifest(knowledge, { rows, carriedEscrows: [] });
      const fault = attest(body, after === undefined ? {} : { after });
      if (fault !== undefined) throw new RangeError(`An attester refuses the honest proposal by ${fault}.`);
      return body;
    },
    tally: (body, { verdicts = [], auditRate = 0n } = {}) =>
      tally({
        domain,
        epoch: body.epoch,
        chain: preset.chain,
        offchain: { ...preset.offchain, auditRateQuorum: auditRate },
        prior: { root: ZERO_HASH, lifetimes: [], escrowDebits: [], carried: [] },
        entries: entriesOf(body),
        carried: [],
        escrows: body.escrows,
        beacon: BEACON,
        verdicts,
        validators: VALIDATORS,
        indexOf: (participant) =>
          [...candidates, ...VALIDATORS].find((one) => equalBytes(one.participant, participant))?.index ?? -1,
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Whom a tally pays, as hex addresses, with inference and redundancy karma and what is owed. */
export function paid(result: TallyResult): Readonly<Record<string, readonly bigint[]>> {
  return Object.fromEntries(
    result.lifetimes
      .filter(({ owed }) => owed > 0n)
      .map(({ participant, karma, owed }) => [toHex(participant), [karma[0], karma[3], owed]]),
  );
}

/** The hashes of a set's entries, in hexadecimal. */
export function hashesOf(body: ManifestBody): readonly string[] {
  return body.entries.map(({ entryHash }) => toHex(entryHash));
}

export function hexHashOf(entry: Entry): string {
  return toHex(entryHashOf(entry));
}
