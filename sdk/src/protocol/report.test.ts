import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { checkClaimPath, claimsTree } from './claimsTree.ts';
import { decode, encode } from './codec.ts';
import type { ReceiptCredit } from './creditList.ts';
import { label } from './fixtures/market.ts';
import { plainValue } from './fixtures/plainValue.ts';
import { hash } from './hash.ts';
import type { KarmaVector } from './karma.ts';
import { checkSumPath, type SumNode } from './merkle.ts';
import {
  buildReport,
  creditTree,
  lifetimeLeaf,
  type ReportBody,
  reportBody,
  reportBodyCodec,
  reportCodec,
  reportHashOf,
  settlementLeaf,
  treesOfBody,
} from './report.ts';
import type { TallyResult } from './tally.ts';

interface Vectors {
  readonly domain: string;
  readonly cases: readonly {
    readonly name: string;
    readonly epoch: string;
    readonly verdictsRoot: string;
    readonly lifetimes: readonly {
      readonly index: number;
      readonly participant: string;
      readonly karma: readonly string[];
      readonly owed: string;
      readonly receiptsRoot: string;
    }[];
    readonly report: unknown;
    /** By index. */
    readonly claimPaths: Readonly<Record<string, readonly string[]>>;
    readonly encoded: string;
    readonly bodyHash: string;
    readonly reportHash: string;
  }[];
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/report.json', import.meta.url), 'utf8'),
);
const domain = fromHex(vectors.domain);
function leafOf(epoch: bigint, row: Vectors['cases'][number]['lifetimes'][number]): SumNode {
  return lifetimeLeaf(domain, {
    epoch,
    lifetime: {
      index: row.index,
      participant: fromHex(row.participant),
      karma: karma(row.karma),
      owed: BigInt(row.owed),
    },
    receiptsRoot: fromHex(row.receiptsRoot),
  });
}
// The vectors hold five strings; an encoder throws on any other number.
const karma = (values: readonly string[]): KarmaVector => values.map(BigInt) as unknown as KarmaVector;

test.each(vectors.cases)('P-18: $name: the report’s bytes and hashes', (vector) => {
  const report = decode(reportCodec, fromHex(vector.encoded));
  expect(plainValue(report)).toEqual(vector.report);
  expect(encode(reportCodec, report).length).toBe(228);
  expect(toHex(encode(reportCodec, report))).toBe(vector.encoded);
  expect(toHex(hash(encode(reportCodec, report)))).toBe(vector.bodyHash);
  const verdictsRoot = fromHex(vector.verdictsRoot);
  expect(toHex(reportHashOf(domain, { epoch: BigInt(vector.epoch), verdictsRoot, report }))).toBe(vector.reportHash);
});

test.each(vectors.cases)('T-06: $name: every lifetime leaf has the vector’s path to the claims root', (vector) => {
  const report = decode(reportCodec, fromHex(vector.encoded));
  const epoch = BigInt(vector.epoch);
  const leaves = new Map(vector.lifetimes.map((row) => [row.index, leafOf(epoch, row)]));
  const tree = claimsTree(Array.from({ length: report.participantCount }, (_, index) => leaves.get(index)));
  expect(toHex(tree.root)).toBe(toHex(report.claimsRoot));
  expect(Object.fromEntries([...leaves.keys()].map((index) => [index, tree.path(index).map(toHex)]))).toEqual(
    vector.claimPaths,
  );
  for (const [index, leaf] of leaves) {
    const path = (vector.claimPaths[index] ?? []).map(fromHex);
    expect(
      checkClaimPath({ leaf: leaf.hash, index, count: report.participantCount, path, root: report.claimsRoot }),
    ).toBe(true);
  }
});

test.each(vectors.cases)('T-01: $name: every lifetime leaf of the vector reaches its root', (vector) => {
  const report = decode(reportCodec, fromHex(vector.encoded));
  const leaves = vector.lifetimes.map((row) => leafOf(BigInt(vector.epoch), row));
  const totals = leaves.reduce(
    (sums, leaf) => sums.map((sum, i) => sum + (leaf.sums[i] ?? 0n)),
    [0n, 0n, 0n, 0n, 0n, 0n],
  );
  expect(report.totals).toEqual(totals);
});

const credit = (name: string, inference: bigint): ReceiptCredit => ({
  entryHash: label(`entry ${name}`),
  receiptHash: label(`receipt ${name}`),
  karma: [inference, 0n, 0n, inference / 2n, 0n],
  owed: inference / 10n,
});
const worker = label('worker');
const validator = label('validator');
const credits = [credit('a', 1000n), credit('b', 34_430n)];
const result: TallyResult = {
  lifetimes: [
    { index: 2, participant: worker, karma: [40_000n, 0n, 0n, 20_000n, 0n], owed: 4000n },
    { index: 5, participant: validator, karma: [0n, 0n, 0n, 0n, 250_000n], owed: 0n },
  ],
  escrowDebits: [
    { escrow: label('escrow'), cumulativeDebit: 3_444n },
    { escrow: label('quiet escrow'), cumulativeDebit: 1n },
  ],
  carried: [0, 1, 2].map((i) => ({ entryHash: label(`carried ${i}`), drawnEpoch: 8n, beacon: label('beacon') })),
  credits: new Map([[toHex(worker), credits]]),
  settlements: [{ escrow: label('escrow'), cumulativeAfter: 3_444n, debit: 3_000n }],
  decisions: new Map(),
};
const epoch = 9n;
const built = buildReport(domain, { epoch, result, priorRoot: label('prior') });

test('V-21: a report states its trees, as wide as the greatest index that ever earned', () => {
  expect(built.report).toEqual({
    root: built.trees.lifetimes.root.hash,
    totals: [40_000n, 0n, 0n, 20_000n, 250_000n, 4000n],
    participantCount: 6,
    settlementsRoot: built.trees.settlements.root.hash,
    settlementsTotal: 3_000n,
    escrowCount: 1,
    carriedRoot: built.trees.carried.root.hash,
    carriedCount: 3,
    priorRoot: label('prior'),
    claimsRoot: built.trees.claims.root,
  });
  expect(built.state).toEqual({
    root: built.report.root,
    lifetimes: result.lifetimes,
    escrowDebits: result.escrowDebits,
    carried: result.carried,
  });
});

test('V-21, T-04: every claim and every credit has a path', () => {
  const tree = built.trees.credits.get(toHex(worker));
  expect(tree?.root).toEqual(creditTree(domain, { epoch, credits }).root);
  for (const lifetime of result.lifetimes) {
    const receiptsRoot = built.trees.credits.get(toHex(lifetime.participant))?.root.hash ?? new Uint8Array(32);
    expect(
      checkSumPath({
        leaf: lifetimeLeaf(domain, { epoch, lifetime, receiptsRoot }),
        index: lifetime.index,
        count: built.report.participantCount,
        path: built.trees.lifetimes.path(lifetime.index),
        root: { hash: built.report.root, sums: built.report.totals },
      }),
    ).toBe(true);
    expect(
      checkClaimPath({
        leaf: lifetimeLeaf(domain, { epoch, lifetime, receiptsRoot }).hash,
        index: lifetime.index,
        count: built.report.participantCount,
        path: built.trees.claims.path(lifetime.index),
        root: built.report.claimsRoot,
      }),
    ).toBe(true);
  }
  const settlement = result.settlements[0];
  if (settlement === undefined) throw new RangeError('The fixture settles one escrow.');
  expect(settlementLeaf(domain, { epoch, settlement })).toEqual(built.trees.settlements.root);
});

const body = reportBody({ epoch, report: built.report, result, verdicts: [] });

test('V-22: a body survives encoding and gives the trees and the state back', () => {
  const received = decode(reportBodyCodec, encode(reportBodyCodec, body));
  const lifetimes = received.lifetimes.map((lifetime) => ({ ...lifetime, credits: [...lifetime.credits] }));
  expect({ ...received, lifetimes }).toEqual(body);
  const trees = treesOfBody(domain, received);
  expect(trees?.state).toEqual({
    ...built.state,
    lifetimes: received.lifetimes,
  });
  expect(trees?.trees.lifetimes.path(2)).toEqual(built.trees.lifetimes.path(2));
  expect(trees?.trees.claims.path(2)).toEqual(built.trees.claims.path(2));
  expect(trees?.trees.carried.root).toEqual(built.trees.carried.root);
});

const first = body.lifetimes[0];
const second = body.lifetimes[1];
if (first === undefined || second === undefined) throw new RangeError('The fixture has two lifetimes.');
const hostile: Readonly<Record<string, ReportBody>> = {
  'rows out of order': { ...body, lifetimes: [second, first] },
  'an index twice': { ...body, lifetimes: [first, { ...second, index: first.index }] },
  'a huge index': { ...body, lifetimes: [first, { ...second, index: 2 ** 32 - 1 }] },
  'an index over the bound': { ...body, lifetimes: [first, { ...second, index: 2 ** 20 }] },
  'karma that nobody voted for': { ...body, lifetimes: [{ ...first, karma: [40_001n, 0n, 0n, 20_000n, 0n] }, second] },
  'a credit more': { ...body, lifetimes: [{ ...first, credits: [...first.credits, credit('c', 1n)] }, second] },
  'a credit changed': {
    ...body,
    lifetimes: [{ ...first, credits: [credit('a', 1001n), credit('b', 34_430n)] }, second],
  },
  'sums that leave 64 bits': {
    ...body,
    lifetimes: [
      { ...first, karma: [2n ** 64n - 1n, 0n, 0n, 0n, 0n] },
      { ...second, karma: [1n, 0n, 0n, 0n, 0n] },
    ],
  },
  'another settlement': { ...body, settlements: [{ escrow: label('escrow'), cumulativeAfter: 3_445n, debit: 3_001n }] },
  'settlements that leave 64 bits': {
    ...body,
    settlements: [0, 1].map((i) => ({ escrow: label(`${i}`), cumulativeAfter: 0n, debit: 2n ** 64n - 1n })),
  },
  'a carried entry of another first beacon': {
    ...body,
    carried: body.carried.map((row) => ({ ...row, beacon: label('another') })),
  },
  'a carried entry less': { ...body, carried: body.carried.slice(1) },
  'another epoch': { ...body, epoch: 10n },
  'another claims root': { ...body, report: { ...body.report, claimsRoot: label('another') } },
  'other totals': { ...body, report: { ...body.report, totals: [40_001n, 0n, 0n, 20_000n, 250_000n, 4000n] } },
};

test.each(Object.entries(hostile))('V-22: a body with %s gives no trees', (_, broken) => {
  expect(treesOfBody(domain, broken)).toBe(undefined);
});

test('V-22: a body of few bytes cannot ask for the work of its greatest index', () => {
  const wide: ReportBody = { ...body, lifetimes: [first, { ...second, index: 2 ** 20 - 1 }] };
  const started = performance.now();
  expect(treesOfBody(domain, wide)).toBe(undefined);
  // Two million hashes would take many times longer.
  expect(performance.now() - started).toBeLessThan(5000);
});

test('V-22: a body of nothing stands for an epoch in which nothing happened', () => {
  const nothing: TallyResult = {
    ...result,
    lifetimes: [],
    escrowDebits: [],
    carried: [],
    credits: new Map(),
    settlements: [],
  };
  const { report } = buildReport(domain, { epoch: 0n, result: nothing, priorRoot: new Uint8Array(32) });
  const empty = reportBody({ epoch: 0n, report, result: nothing, verdicts: [] });
  expect(toHex(encode(reportCodec, report))).toBe(vectors.cases[0]?.encoded);
  expect(treesOfBody(domain, empty)?.state.lifetimes).toEqual([]);
});
