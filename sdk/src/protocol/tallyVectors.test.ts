import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { equalBytes, fromHex, toHex } from './bytes.ts';
import { agreeingReceipts, type CheckedEntry } from './checkEntry.ts';
import { decode } from './codec.ts';
import { entryCodec, entryHashOf } from './entry.ts';
import { plainValue } from './fixtures/plainValue.ts';
import type { KarmaVector } from './karma.ts';
import { CHAIN_PARAMETERS, type ChainParameters, type OffchainParameters } from './parameters.ts';
import type { Verdict } from './records.ts';
import { tally } from './tally.ts';

type Amounts = Readonly<Record<string, string>>;
interface CarriedJson {
  readonly entryHash: string;
  readonly drawnEpoch: string;
  readonly beacon: string;
}
interface Vectors {
  readonly validators: readonly { readonly participant: string; readonly index: number; readonly stake: string }[];
  readonly gateway: { readonly participant: string; readonly index: number };
  readonly cases: readonly {
    readonly name: string;
    readonly epoch: string;
    readonly chain: Amounts;
    readonly offchain: Amounts;
    readonly prior: {
      readonly lifetimes: readonly {
        readonly index: number;
        readonly participant: string;
        readonly karma: readonly string[];
        readonly owed: string;
      }[];
      readonly escrowDebits: readonly { readonly escrow: string; readonly cumulativeDebit: string }[];
      readonly carried: readonly CarriedJson[];
    };
    /** Names of entries in entry.json. */
    readonly entries: readonly string[];
    readonly carried: readonly string[];
    readonly escrows: readonly {
      readonly escrow: string;
      readonly available: string;
      readonly cumulativeDebit: string;
    }[];
    readonly beacon: string;
    readonly verdicts: readonly {
      readonly epoch: string;
      readonly entryHash: string;
      readonly receiptHash: string;
      readonly validator: string;
      readonly attempt: number;
      readonly verdict: Verdict['verdict'];
      readonly rule: number;
      readonly measurementsHash: string;
    }[];
    readonly result: Readonly<Record<string, unknown>> & { readonly decisions: Readonly<Record<string, string>> };
  }[];
}
interface EntryVectors {
  readonly context: {
    readonly domain: string;
    readonly activeParameters: string;
    readonly candidates: readonly { readonly participant: string; readonly index: number }[];
  };
  readonly entries: readonly { readonly name: string; readonly epoch: string; readonly encoded: string }[];
}
const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../test/vectors/${name}`, import.meta.url), 'utf8'));
const vectors = read('tally.json') as Vectors;
const { context, entries } = read('entry.json') as EntryVectors;

const checked = new Map(
  entries.map(({ name, epoch, encoded }): readonly [string, CheckedEntry] => {
    const entry = decode(entryCodec, fromHex(encoded));
    const activeParameters = BigInt(context.activeParameters);
    const entryHash = entryHashOf(entry);
    return [
      name,
      { entry, entryHash, epoch: BigInt(epoch), drawn: [], agreeing: agreeingReceipts(entry), activeParameters },
    ];
  }),
);
function named(name: string): CheckedEntry {
  const found = checked.get(name);
  if (found === undefined) throw new RangeError(`entry.json has no entry of the name ${name}.`);
  return found;
}

const accounts = [...context.candidates, ...vectors.validators, vectors.gateway];
const amounts = (values: Amounts): Readonly<Record<string, bigint>> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, BigInt(value)]));
const noParameters = Object.fromEntries(CHAIN_PARAMETERS.map((name) => [name, 0n])) as ChainParameters;

test.each(vectors.cases)('V-20, T-04, M-04 to M-06: $name', (vector) => {
  const { prior } = vector;
  const result = tally({
    domain: fromHex(context.domain),
    epoch: BigInt(vector.epoch),
    chain: { ...noParameters, ...amounts(vector.chain) },
    // The vectors hold all that a tally computes with.
    offchain: amounts(vector.offchain) as OffchainParameters,
    prior: {
      root: new Uint8Array(32),
      lifetimes: prior.lifetimes.map((row) => ({
        index: row.index,
        participant: fromHex(row.participant),
        karma: row.karma.map(BigInt) as unknown as KarmaVector,
        owed: BigInt(row.owed),
      })),
      escrowDebits: prior.escrowDebits.map((row) => ({
        escrow: fromHex(row.escrow),
        cumulativeDebit: BigInt(row.cumulativeDebit),
      })),
      carried: prior.carried.map((row) => ({
        entryHash: fromHex(row.entryHash),
        drawnEpoch: BigInt(row.drawnEpoch),
        beacon: fromHex(row.beacon),
      })),
    },
    entries: vector.entries.map(named),
    carried: vector.carried.map(named),
    escrows: vector.escrows.map((row) => ({
      escrow: fromHex(row.escrow),
      available: BigInt(row.available),
      cumulativeDebit: BigInt(row.cumulativeDebit),
    })),
    beacon: fromHex(vector.beacon),
    verdicts: vector.verdicts.map((row) => ({
      ...row,
      epoch: BigInt(row.epoch),
      entryHash: fromHex(row.entryHash),
      receiptHash: fromHex(row.receiptHash),
      validator: fromHex(row.validator),
      measurementsHash: fromHex(row.measurementsHash),
    })),
    validators: vectors.validators.map(({ participant, index, stake }) => ({
      participant: fromHex(participant),
      index,
      stake: BigInt(stake),
    })),
    indexOf: (participant) =>
      accounts.find((account) => equalBytes(fromHex(account.participant), participant))?.index ?? -1,
  });
  const names = [...vector.entries, ...vector.carried];
  expect({
    decisions: Object.fromEntries(
      names.map((name) => [name, result.decisions.get(toHex(entryHashOf(named(name).entry)))]),
    ),
    credits: Object.fromEntries([...result.credits].map(([participant, rows]) => [participant, plainValue(rows)])),
    lifetimes: plainValue(result.lifetimes),
    settlements: plainValue(result.settlements),
    escrowDebits: plainValue(result.escrowDebits),
    carried: plainValue(result.carried),
  }).toEqual(vector.result);
});
