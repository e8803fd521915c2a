import { type Report, ZERO_HASH } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import type { EpochFacts } from '../chain/chainReader.ts';
import { named } from '../fixtures/market.ts';
import type { FoundHidden } from './finding.ts';
import { type HiddenReportChoice, hiddenReports } from './hiddenReports.ts';

const signal = AbortSignal.timeout(10_000);
const reportHash = named('report');
const voters = [named('first'), named('second')];
const account = { epoch: 5n, reportHash: named('winner'), verdictsRoot: named('verdicts') } as unknown as EpochFacts;
const REPORT: Report = {
  root: named('root'),
  totals: [0n, 0n, 0n, 0n, 0n, 0n],
  participantCount: 40,
  settlementsRoot: ZERO_HASH,
  settlementsTotal: 0n,
  escrowCount: 0,
  carriedRoot: ZERO_HASH,
  carriedCount: 0,
  priorRoot: named('prior root'),
  claimsRoot: named('claims'),
};
const PRIOR = { epoch: 3n, state: 'finalised', root: named('prior root') } as unknown as EpochFacts;

function asking(
  of: {
    readonly choice?: HiddenReportChoice;
    readonly validators?: number;
    readonly report?: Report;
    readonly epochs?: readonly EpochFacts[];
  } = {},
) {
  const found: FoundHidden[] = [];
  const read: Uint8Array[] = [];
  const warned: string[] = [];
  let history: Report | undefined = of.report ?? REPORT;
  let looks = 6;
  const ask = hiddenReports({
    domain: named('domain'),
    choice: of.choice ?? 'all',
    chain: {
      async revealedReport({ validator }) {
        read.push(validator);
        return history;
      },
    },
    epochs: () => of.epochs ?? [PRIOR],
    validators: () => of.validators ?? 4,
    asked: () => looks,
    found: (one) => found.push(one),
    log: { warn: (_: unknown, line?: string) => warned.push(line ?? '') },
  });
  return {
    found,
    read,
    warned,
    look: (at: number, shown: Report | undefined = history, of: EpochFacts = account) => {
      looks = at;
      history = shown;
      return ask({ account: of, reportHash, voters }, { signal });
    },
    forget: () => {
      history = undefined;
    },
  };
}

test('V-37: nothing is asked before the sixth look, and then once', async () => {
  const { look, found, read } = asking();
  for (let at = 1; at <= 5; at++) await look(at);
  expect(read).toEqual([]);
  for (let at = 6; at <= 9; at++) await look(at);
  const [{ index, ...rest } = { index: -1 }, ...more] = found;
  expect(more).toEqual([]);
  expect(rest).toEqual({
    ...{ what: 'silence', epoch: 5n, reportHash, report: REPORT },
    ...{ voter: voters[0], priorEpoch: 3n },
  });
  expect(index >= 0 && index < 40).toBe(true);
  expect(read).toHaveLength(1);
});

test('V-37: what one vote’s history does not show another’s may', async () => {
  const { look, forget, found, read, warned } = asking();
  forget();
  await look(6);
  await look(7);
  expect([read, found]).toEqual([[voters[0], voters[1]], []]);
  expect(warned).toEqual(
    Array(2).fill('The cluster’s history does not show a report that was voted for; nothing can be asked of it.'),
  );
  await look(8, REPORT);
  expect(found).toMatchObject([{ voter: voters[0] }]);
});

test('V-37: of a report without leaves, or after one that is not followed, nothing is asked; after none the chain needs no prior', async () => {
  for (const of of [{ report: { ...REPORT, participantCount: 0 } }, { epochs: [] }]) {
    const { look, found } = asking(of);
    await look(6);
    expect(found).toEqual([]);
  }
  const { look, found } = asking({ report: { ...REPORT, priorRoot: ZERO_HASH }, epochs: [] });
  await look(6);
  expect(found).toMatchObject([{ priorEpoch: 5n }]);
});

test('V-37: four of many ask, each for a place of its own', async () => {
  const all = Array.from({ length: 400 }, () => asking({ validators: 100 }));
  // Chance decides once: many looks make no more of them ask.
  for (let at = 6; at <= 12; at++) await Promise.all(all.map(({ look }) => look(at)));
  const asked = all.flatMap(({ found }) => found);
  // Sixteen are expected; fewer than one or more than sixty come less than once in ten million runs.
  expect(asked.length > 0 && asked.length < 60).toBe(true);
  const few = await Promise.all(
    Array.from({ length: 60 }, async () => {
      const { look, found } = asking();
      await look(6);
      return found[0]?.index;
    }),
  );
  expect(new Set(few).size).toBeGreaterThan(5);
});

test.each([
  ['all', 1, 1],
  ['winning', 0, 1],
  ['none', 0, 0],
] as const)('V-37: of reports that lost and won, who asks for %s asks for so many', async (choice, lost, won) => {
  const loser = asking({ choice });
  await loser.look(6);
  expect(loser.found).toHaveLength(lost);
  const winner = asking({ choice });
  await winner.look(6, REPORT, { ...account, reportHash });
  expect(winner.found).toHaveLength(won);
});
