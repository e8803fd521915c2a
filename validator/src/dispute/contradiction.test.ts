import {
  buildReport,
  makeDomain,
  type Report,
  type ReportBody,
  reportBody,
  reportHashOf,
  type TallyResult,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { named } from '../fixtures/market.ts';
import { contradictionIn, type KnownReport, readRevealed } from './contradiction.ts';

const domain = makeDomain({ genesisHash: named('genesis'), programId: named('program') });

/** What two participants have, and what of it an epoch credited. */
function resultOf(
  rows: readonly { readonly index: number; readonly karma: bigint; readonly credits?: readonly bigint[] }[],
): TallyResult {
  const credit = (karma: bigint, i: number) => ({
    entryHash: named(`entry ${i}`),
    receiptHash: named(`receipt ${i}`),
    karma: [karma, 0n, 0n, 0n, 0n] as const,
    owed: 2n * karma,
  });
  return {
    lifetimes: rows.map(({ index, karma }) => ({
      index,
      participant: named(`participant ${index}`),
      karma: [karma, 0n, 0n, 0n, 0n],
      owed: 2n * karma,
    })),
    escrowDebits: [],
    carried: [],
    credits: new Map(
      rows.flatMap(({ index, credits }) =>
        credits === undefined
          ? []
          : [[Buffer.from(named(`participant ${index}`)).toString('hex'), credits.map(credit)]],
      ),
    ),
    settlements: [],
    decisions: new Map(),
  };
}

function reportOf(epoch: bigint, result: TallyResult, changed: Partial<Report> = {}): ReportBody {
  const { report } = buildReport(domain, { epoch, result, priorRoot: ZERO_HASH });
  return reportBody({ epoch, report: { ...report, ...changed }, result, verdicts: [] });
}

function read(body: ReportBody): KnownReport {
  const { epoch, report } = body;
  const verdictsRoot = named('verdicts');
  const reportHash = reportHashOf(domain, { epoch, verdictsRoot, report });
  const known = readRevealed(domain, { body, epoch, verdictsRoot, reportHash });
  if (known === undefined) throw new RangeError('The body is its report’s.');
  return known;
}

const before = read(reportOf(0n, resultOf([{ index: 2, karma: 10n, credits: [10n] }])));

test('P-46: a report that follows from its credits and the one before it contradicts nothing', () => {
  const after = read(
    reportOf(
      1n,
      resultOf([
        { index: 2, karma: 15n, credits: [2n, 3n] },
        { index: 5, karma: 4n, credits: [4n] },
      ]),
    ),
  );
  expect(contradictionIn(before, undefined)).toBeUndefined();
  expect(contradictionIn(after, before)).toBeUndefined();
  // Its own credits do not explain what it says if nothing was there before.
  expect(contradictionIn(after, undefined)?.what).toBe('lifetime');
});

test.each([
  ['grew without a credit', [{ index: 2, karma: 11n }]],
  ['grew by more than its credits', [{ index: 2, karma: 15n, credits: [2n] }]],
  ['shrank', [{ index: 2, karma: 9n }]],
  ['is gone', []],
  ['is gone from a tree that still has its index', [{ index: 3, karma: 1n, credits: [1n] }]],
  [
    'came from nothing',
    [
      { index: 2, karma: 10n },
      { index: 7, karma: 1n },
    ],
  ],
] as const)('P-46: a lifetime that %s is shown', (_, rows) => {
  const lie = read(reportOf(1n, resultOf(rows)));
  const found = contradictionIn(lie, before);
  expect(found?.what).toBe('lifetime');
  // The evidence begins with the report's 228 bytes and the index (P-45).
  const index = rows.length === 2 ? 7 : 2;
  expect(new DataView((found?.evidence ?? new Uint8Array(232)).buffer, 228, 4).getUint32(0, true)).toBe(index);
});

test.each([1, 2])('P-45: totals that are not the root’s are shown, whatever the tree’s height', (count) => {
  const rows = Array.from({ length: count }, (_, index) => ({ index, karma: 10n, credits: [10n] }));
  const lie = read(reportOf(0n, resultOf(rows), { totals: [1n, 0n, 0n, 0n, 0n, 0n] }));
  expect(contradictionIn(lie, undefined)?.what).toBe('sum');
});

test('a body is read only if its rows stand under the root of the report that was revealed', () => {
  const body = reportOf(0n, resultOf([{ index: 2, karma: 10n, credits: [10n] }]));
  const verdictsRoot = named('verdicts');
  const reportHash = reportHashOf(domain, { epoch: 0n, verdictsRoot, report: body.report });
  const asked = { epoch: 0n, verdictsRoot, reportHash };
  expect(readRevealed(domain, { ...asked, body })).toBeDefined();
  expect(readRevealed(domain, { ...asked, body, reportHash: named('another') })).toBeUndefined();
  expect(readRevealed(domain, { ...asked, body, epoch: 1n })).toBeUndefined();
  const [row] = body.lifetimes;
  if (row === undefined) throw new RangeError('The report has a row.');
  const changed = { ...body, lifetimes: [{ ...row, owed: 1n }] };
  expect(readRevealed(domain, { ...asked, body: changed })).toBeUndefined();
});
