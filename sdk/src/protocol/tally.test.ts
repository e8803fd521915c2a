import { describe, expect, test } from 'vitest';
import { nativeVerifySignature } from '../runtime/nativeVerifySignature.ts';
import { auditedReceipt, drawAuditors, isAudited, type StakedValidator } from './audit.ts';
import { compareBytes, toHex } from './bytes.ts';
import type { CheckedEntry } from './checkEntry.ts';
import type { ReceiptCredit } from './creditList.ts';
import { entryHashOf } from './entry.ts';
import { type EntryPlan, label, Market } from './fixtures/market.ts';
import type { Participant } from './ids.ts';
import { ZERO_KARMA } from './karma.ts';
import { CHAIN_PARAMETERS, type ChainParameters, type OffchainParameters } from './parameters.ts';
import { outcomeRecord, receiptRecord, type Verdict, verdictRecord } from './records.ts';
import {
  creditsOf,
  decideAudit,
  gatewayCreditOf,
  type LedgerState,
  type TallyInput,
  type TallyResult,
  tally,
} from './tally.ts';

const market = new Market({ verify: nativeVerifySignature });
const escrow = label('escrow');
const beacon = label('beacon');
const validators: readonly StakedValidator[] = [0, 1, 2, 3].map((i) => ({
  participant: label(`validator ${i}`),
  index: 20 + i,
  stake: 1_000_000_000n,
}));
const gateway = { participant: label('gateway'), index: 30 };
const chain = {
  ...(Object.fromEntries(CHAIN_PARAMETERS.map((name) => [name, 0n])) as ChainParameters),
  workerShareBps: 8000n,
  feeShareBps: 500n,
  auditShareBps: 500n,
  gatewayShareBps: 500n,
  kappaMicroKarmaPerLamport: 1100n,
  validationCapMicroKarma: 1_000_000n,
  listPriceLamports: 100_000n,
};
const offchain: OffchainParameters = {
  weightFloor: 1_000_000n,
  weightCap: 9_000_000n,
  dispatchMaxAgeSlots: 8n,
  clockToleranceMs: 5_000n,
  // The fixture's seals arrive 900 ms after their dispatch: exactly the target, which moves nothing.
  latencyBaseMs: 500n,
  latencyPerTokenMs: 50n,
  auditRateStream: 0n,
  auditRateQuorum: 0n,
  auditRateProof: 10_000n,
  largestGapMicro: 25_000n,
  gapSumMicroPer1000: 300_000n,
  differingPer1000: 30n,
  validationKarmaPerVerdict: 10_000n,
  proofDeadlineSlots: 9_000n,
};
const nothingBefore: LedgerState = { root: new Uint8Array(32), lifetimes: [], escrowDebits: [], carried: [] };

function input(changes: Partial<TallyInput> = {}): TallyInput {
  return {
    domain: market.domain,
    epoch: 1n,
    chain,
    offchain,
    prior: nothingBefore,
    entries: [],
    carried: [],
    escrows: [{ escrow, available: 1_000_000_000n, cumulativeDebit: 0n }],
    beacon,
    verdicts: [],
    validators,
    indexOf: (participant) =>
      [...market.candidates, ...validators, gateway].find((one) => compareBytes(one.participant, participant) === 0)
        ?.index ?? -1,
    ...changes,
  };
}

const workersOf = (checked: CheckedEntry): Participant[] => checked.agreeing.map(({ receipt }) => receipt.value.worker);
const numbered = (number: number, plan: EntryPlan = {}): CheckedEntry =>
  market.checked({ ...plan, dispatchNumber: BigInt(number) });
const decisionOf = (result: TallyResult, checked: CheckedEntry): string | undefined =>
  result.decisions.get(toHex(entryHashOf(checked.entry)));

/** What each participant has earned: inference, redundancy, validation, owed. */
function earned(result: TallyResult): Readonly<Record<string, readonly bigint[]>> {
  return Object.fromEntries(
    result.lifetimes.map(({ participant, karma, owed }) => [toHex(participant), [karma[0], karma[3], karma[4], owed]]),
  );
}

/** The verdict of the auditor whom the beacon draws, as the auditor would sign it. */
function verdictOn(
  checked: CheckedEntry,
  word: { readonly attempt: 0 | 1; readonly verdict: Verdict['verdict']; readonly epoch?: bigint },
): Verdict {
  const entryHash = entryHashOf(checked.entry);
  const auditor = drawAuditors({ beacon, entryHash, validators })[word.attempt];
  const drawn = checked.agreeing[auditedReceipt({ beacon, entryHash, count: checked.agreeing.length })];
  if (auditor === undefined || drawn === undefined) throw new RangeError('Nobody is drawn.');
  return {
    epoch: word.epoch ?? 1n,
    entryHash,
    receiptHash: receiptRecord.hash(market.domain, drawn.receipt.value),
    validator: auditor.participant,
    attempt: word.attempt,
    verdict: word.verdict,
    rule: word.verdict === 'pass' ? 0 : 20,
    measurementsHash: label('measurements'),
  };
}

// 20 prompt and 8 output tokens of the bundled model: 34,430 micro-karma, 3,444 lamports; 918 for each of three workers, 172 for
// the gateway.
const KARMA = 34_430n;
const PRICE = 3_444n;
const GATEWAY_ROW = [0n, 0n, 0n, 172n];

describe('what an entry earns', () => {
  test('V-20, K-07, M-05: three agreeing workers share 80 % and earn karma; the gateway is owed its 5 %', () => {
    const checked = numbered(1);
    const result = tally(input({ entries: [checked] }));
    expect(earned(result)).toEqual({
      ...Object.fromEntries(workersOf(checked).map((worker) => [toHex(worker), [KARMA, KARMA / 2n, 0n, 918n]])),
      [toHex(gateway.participant)]: GATEWAY_ROW,
    });
    expect(result.settlements).toEqual([{ escrow, cumulativeAfter: PRICE, debit: PRICE }]);
    expect(result.escrowDebits).toEqual([{ escrow, cumulativeDebit: PRICE }]);
    expect(result.carried).toEqual([]);
    expect(decisionOf(result, checked)).toBe('not-drawn');
  });

  test('K-04: a stream earns no redundancy karma', () => {
    const checked = numbered(1, { assurance: 'stream' });
    expect(Object.values(earned(tally(input({ entries: [checked] }))))).toEqual([
      ...workersOf(checked).map(() => [KARMA, 0n, 0n, 918n]),
      GATEWAY_ROW,
    ]);
  });

  test('Q-01: a dissenter earns nothing, and the two who agree share', () => {
    const checked = numbered(1, { roles: ['x', 'y', 'x'] });
    const result = tally(input({ entries: [checked] }));
    const earners = [...workersOf(checked), gateway.participant];
    expect(Object.keys(earned(result)).sort()).toEqual(earners.map(toHex).sort());
    expect(Object.values(earned(result))).toEqual([...[0, 1].map(() => [KARMA, KARMA / 2n, 0n, 1377n]), GATEWAY_ROW]);
  });

  test('Q-01: no agreement earns nothing and costs nothing', () => {
    const result = tally(input({ entries: [numbered(1, { roles: ['x', 'y', 'z'] })] }));
    expect({ lifetimes: result.lifetimes, settlements: result.settlements }).toEqual({
      lifetimes: [],
      settlements: [],
    });
  });

  test('K-03: the slower of the gateway’s and the worker’s own time moves karma, by ten per cent at most', () => {
    const at = (arrival: bigint, worked: bigint): bigint => {
      const checked = numbered(1, {
        arrivedAtMs: (value, place) => (place === 0 ? value - 905n + 5n + arrival : value),
        body: (value, place) => (place === 0 ? { ...value, finishedAtMs: value.receivedAtMs + worked } : value),
      });
      return creditsOf(input(), checked)[0]?.credit.karma[0] ?? 0n;
    };
    expect([at(900n, 880n), at(450n, 450n), at(450n, 900n)]).toEqual([34_430n, 36_151n, 34_430n]);
  });

  test('K-07: an entry’s karma is at most kappa times the fee that it leaves', () => {
    const checked = numbered(1, { ticket: (value) => ({ ...value, priceCap: 400n }) });
    const credits = creditsOf(input(), checked);
    // 400 lamports leave a fee of 20, and so at most 22,000 micro-karma for the three of them.
    expect(credits.map(({ credit }) => credit.karma)).toEqual([0, 1, 2].map(() => [4888n, 0n, 0n, 2444n, 0n]));
    expect(credits.map(({ credit }) => credit.owed)).toEqual([106n, 106n, 106n]);
  });

  test('K-07, T-04: a price of nothing earns nothing, and nobody has a credit of nothing', () => {
    const checked = numbered(1, { ticket: (value) => ({ ...value, priceCap: 0n }) });
    const result = tally(input({ entries: [checked] }));
    expect([creditsOf(input(), checked), gatewayCreditOf(input(), checked)]).toEqual([[], undefined]);
    expect({ ...result, decisions: 0 }).toEqual({ ...tally(input()), decisions: 0 });
  });

  test('P-20: what a tally adds keeps to the chain’s caps', () => {
    const entries = [1, 2, 3, 4, 5].map((number) =>
      numbered(number, { assurance: number % 2 === 0 ? 'stream' : 'quorum' }),
    );
    const { lifetimes, settlements } = tally(input({ entries }));
    const settled = settlements.reduce((sum, { debit }) => sum + debit, 0n);
    const karma = lifetimes.reduce((sum, lifetime) => sum + lifetime.karma[0] + lifetime.karma[3], 0n);
    const owed = lifetimes.reduce((sum, lifetime) => sum + lifetime.owed, 0n);
    expect(settled).toBe(5n * PRICE);
    expect(karma <= chain.kappaMicroKarmaPerLamport * ((settled * chain.feeShareBps) / 10_000n)).toBe(true);
    const shares = chain.workerShareBps + chain.auditShareBps + chain.gatewayShareBps;
    expect(owed <= (settled * shares) / 10_000n).toBe(true);
  });
});

describe('escrows', () => {
  const entries = [3, 1, 2].map((number) => numbered(number));

  test('M-03: entries count in dispatch order up to what the escrow holds', () => {
    const escrows = [{ escrow, available: 2n * PRICE + 1n, cumulativeDebit: 0n }];
    const result = tally(input({ entries, escrows }));
    const paid = [...result.credits.values()].flatMap((list) => [...list]).map(({ entryHash }) => toHex(entryHash));
    const first = entries.slice(1).map(({ entry }) => toHex(entryHashOf(entry)));
    expect([...new Set(paid)].sort()).toEqual(first.sort());
    expect(result.settlements).toEqual([{ escrow, cumulativeAfter: 2n * PRICE, debit: 2n * PRICE }]);
  });

  test('M-03: an uncovered entry is passed over, and a later cheaper one may count', () => {
    const cheap = numbered(4, { ticket: (value) => ({ ...value, priceCap: 10n }) });
    const escrows = [{ escrow, available: PRICE + 10n, cumulativeDebit: 0n }];
    const result = tally(input({ entries: [...entries, cheap], escrows }));
    expect(result.settlements).toEqual([{ escrow, cumulativeAfter: PRICE + 10n, debit: PRICE + 10n }]);
  });

  test('M-03: an escrow that the manifest does not list pays nothing', () => {
    const result = tally(input({ entries, escrows: [] }));
    expect({ lifetimes: result.lifetimes, settlements: result.settlements }).toEqual({
      lifetimes: [],
      settlements: [],
    });
  });

  test('M-03: what earlier epochs decided and did not settle yet is no longer there', () => {
    const prior = { ...nothingBefore, escrowDebits: [{ escrow, cumulativeDebit: 5000n }] };
    const escrows = [{ escrow, available: 5000n - 1000n + PRICE, cumulativeDebit: 1000n }];
    const result = tally(input({ entries, escrows, prior }));
    expect(result.settlements).toEqual([{ escrow, cumulativeAfter: 5000n + PRICE, debit: PRICE }]);
    const short = [{ escrow, available: 5000n - 1000n + PRICE - 1n, cumulativeDebit: 1000n }];
    expect(tally(input({ entries, escrows: short, prior })).settlements).toEqual([]);
  });

  test('M-03: what settled for an epoch that never became final counts, so that the next settlement fits the chain', () => {
    const prior = { ...nothingBefore, escrowDebits: [{ escrow, cumulativeDebit: 1000n }] };
    const escrows = [{ escrow, available: PRICE, cumulativeDebit: 9000n }];
    const result = tally(input({ entries, escrows, prior }));
    expect(result.settlements).toEqual([{ escrow, cumulativeAfter: 9000n + PRICE, debit: PRICE }]);
    expect(result.escrowDebits).toEqual([{ escrow, cumulativeDebit: 9000n + PRICE }]);
  });

  test('M-03: an escrow that holds less than what is unsettled pays nothing', () => {
    const prior = { ...nothingBefore, escrowDebits: [{ escrow, cumulativeDebit: 10n ** 12n }] };
    expect(tally(input({ entries, prior })).settlements).toEqual([]);
  });
});

describe('audits', () => {
  const checked = numbered(1, { assurance: 'proof' });
  const pass = verdictOn(checked, { attempt: 0, verdict: 'pass' });
  const fail = verdictOn(checked, { attempt: 0, verdict: 'fail' });
  const secondFail = verdictOn(checked, { attempt: 1, verdict: 'fail' });
  const secondPass = verdictOn(checked, { attempt: 1, verdict: 'pass' });

  test.each<readonly [string, readonly Verdict[], string]>([
    ['a drawn entry without a verdict is carried', [], 'carried'],
    ['a passing verdict passes it', [pass], 'passed'],
    ['a failing verdict alone is carried', [fail], 'carried'],
    ['two failing verdicts fail it', [fail, secondFail], 'failed'],
    ['the second auditor’s pass passes it', [fail, secondPass], 'passed'],
    ['the second auditor alone decides nothing', [secondFail], 'carried'],
    ['a second verdict after a pass decides nothing', [pass, secondFail], 'passed'],
    ['an auditor that says both is heard as failing', [pass, fail], 'carried'],
    ['an auditor that says both is heard as failing, in any order', [fail, pass, secondFail], 'failed'],
    ['a verdict of somebody who was not drawn is not heard', [{ ...pass, validator: label('somebody') }], 'carried'],
    ['the first auditor is not heard as the second', [fail, { ...secondFail, validator: fail.validator }], 'carried'],
    ['a verdict on another receipt is not heard', [{ ...pass, receiptHash: label('another') }], 'carried'],
    ['a verdict of another epoch is not heard', [{ ...pass, epoch: 0n }], 'carried'],
  ])('U-07: %s', (_, verdicts, expected) => {
    expect(decideAudit(input({ verdicts }), { checked, isCarried: false })).toBe(expected);
    expect(decisionOf(tally(input({ entries: [checked], verdicts })), checked)).toBe(expected);
  });

  test('U-07: a failed entry earns nothing and costs nothing', () => {
    const result = tally(input({ entries: [checked], verdicts: [fail, secondFail] }));
    const auditors = [fail, secondFail].map(({ validator }) => toHex(validator));
    expect([...result.credits.keys()].sort()).toEqual(auditors.sort());
    expect(result.settlements).toEqual([]);
    expect(result.carried).toEqual([]);
  });

  test('U-07: a carried entry waits, earns nothing yet, and earns when it passes in a later epoch', () => {
    const before = tally(input({ entries: [checked] }));
    expect(before.carried).toEqual([{ entryHash: entryHashOf(checked.entry), drawnEpoch: 1n, beacon }]);
    expect(before.credits.size).toBe(0);
    expect(before.settlements).toEqual([]);
    const later = verdictOn(checked, { attempt: 0, verdict: 'pass', epoch: 2n });
    const after = tally(input({ epoch: 2n, carried: [checked], verdicts: [later] }));
    expect(after.carried).toEqual([]);
    expect(after.settlements).toEqual([{ escrow, cumulativeAfter: PRICE, debit: PRICE }]);
    const earners = [...workersOf(checked), gateway.participant, later.validator];
    expect([...after.credits.keys()].sort()).toEqual(earners.map(toHex).sort());
  });

  test('U-07: a carried entry is always drawn, whatever its rate', () => {
    const quorum = numbered(1);
    expect(decisionOf(tally(input({ entries: [quorum] })), quorum)).toBe('not-drawn');
    expect(decisionOf(tally(input({ carried: [quorum] })), quorum)).toBe('carried');
  });

  test('M-03: a carried entry whose escrow the manifest does not list waits', () => {
    const result = tally(input({ carried: [checked], verdicts: [pass], escrows: [] }));
    expect(decisionOf(result, checked)).toBe('carried');
  });

  test('U-07: an entry without agreement is never audited', () => {
    const split = numbered(2, { assurance: 'proof', roles: ['x', 'y', 'z'] });
    expect(decisionOf(tally(input({ entries: [split] })), split)).toBe('not-drawn');
  });

  test('U-01: the rate decides how many are drawn', () => {
    const half = { ...offchain, auditRateQuorum: 5000n };
    const entries = Array.from({ length: 12 }, (_, i) => numbered(i + 1));
    const result = tally(input({ entries, offchain: half }));
    const drawn = entries.filter(({ entry }) =>
      isAudited({ beacon, entryHash: entryHashOf(entry), ratePer10000: 5000 }),
    );
    const hashes = drawn.map(({ entry }) => entryHashOf(entry)).sort(compareBytes);
    expect(result.carried).toEqual(hashes.map((entryHash) => ({ entryHash, drawnEpoch: 1n, beacon })));
    expect(drawn.length).toBeGreaterThan(0);
    expect(drawn.length).toBeLessThan(12);
  });

  test('K-05: each verdict that was needed earns its auditor karma', () => {
    const result = tally(input({ entries: [checked], verdicts: [fail, secondFail] }));
    expect(earned(result)).toEqual({
      [toHex(fail.validator)]: [0n, 0n, 10_000n, 0n],
      [toHex(secondFail.validator)]: [0n, 0n, 10_000n, 0n],
    });
  });

  test('K-05: verdicts that nobody asked for earn nothing', () => {
    const notDrawn = numbered(2);
    const invented = Array.from({ length: 50 }, (_, i) => {
      const entryHash = label(`no entry ${i}`);
      return {
        ...pass,
        entryHash,
        validator: drawAuditors({ beacon, entryHash, validators })[0]?.participant ?? label(''),
      };
    });
    const verdicts = [verdictOn(notDrawn, { attempt: 0, verdict: 'pass' }), secondPass, pass, pass, ...invented];
    const result = tally(input({ entries: [checked, notDrawn], verdicts }));
    const validation = result.lifetimes.filter(({ karma }) => karma[4] > 0n);
    expect(validation.map(({ participant, karma }) => [toHex(participant), karma[4]])).toEqual([
      [toHex(pass.validator), 10_000n],
    ]);
  });

  test('K-05: validation karma keeps to its cap per epoch, in the order of the entries, the last verdict cut', () => {
    const capped = { ...chain, validationCapMicroKarma: 15_000n };
    const entries = Array.from({ length: 12 }, (_, i) => numbered(i + 1, { assurance: 'proof' }));
    const verdicts = entries.map((one) => verdictOn(one, { attempt: 0, verdict: 'pass' }));
    const result = tally(input({ entries, verdicts, chain: capped }));
    const sorted = verdicts.toSorted((a, b) => compareBytes(a.entryHash, b.entryHash));
    for (const { participant } of validators) {
      const counts = sorted.filter(({ validator }) => compareBytes(validator, participant) === 0);
      const credits = [...(result.credits.get(toHex(participant)) ?? [])];
      expect(credits.map(({ entryHash }) => toHex(entryHash))).toEqual(counts.map(({ entryHash }) => toHex(entryHash)));
      const given = counts.map((_, i) => [10_000n, 5_000n][i] ?? 0n);
      expect(credits.map(({ karma }) => karma)).toEqual(given.map((karma) => [0n, 0n, 0n, 0n, karma]));
    }
    expect(Math.max(...[...result.credits.values()].map(({ length }) => length))).toBeGreaterThan(2);
  });

  test('M-06: the counted verdicts share 5 % of all that settles, each for its own hash', () => {
    const paid = numbered(2, { assurance: 'proof' });
    const onPaid = verdictOn(paid, { attempt: 0, verdict: 'pass' });
    const result = tally(input({ entries: [checked, paid, numbered(3)], verdicts: [fail, secondFail, onPaid] }));
    // Two of three entries are paid, 6,888 lamports, of which 344 go to three verdicts.
    expect(result.settlements).toEqual([{ escrow, cumulativeAfter: 2n * PRICE, debit: 2n * PRICE }]);
    const credits = validators.flatMap(({ participant }) => [...(result.credits.get(toHex(participant)) ?? [])]);
    const expected = [fail, secondFail, onPaid].map((verdict) => ({
      entryHash: verdict.entryHash,
      receiptHash: verdictRecord.hash(market.domain, verdict),
      karma: [0n, 0n, 0n, 0n, 10_000n],
      owed: 114n,
    }));
    const byReceipt = (a: { readonly receiptHash: Uint8Array }, b: { readonly receiptHash: Uint8Array }): number =>
      compareBytes(a.receiptHash, b.receiptHash);
    expect(credits.toSorted(byReceipt)).toEqual(expected.toSorted(byReceipt));
  });

  test('M-06, K-05: verdicts that earn neither karma nor lamports have no credit', () => {
    const nothing = { ...chain, validationCapMicroKarma: 0n };
    const result = tally(input({ entries: [checked], verdicts: [fail, secondFail], chain: nothing }));
    expect({ credits: result.credits.size, lifetimes: result.lifetimes }).toEqual({ credits: 0, lifetimes: [] });
  });

  test('U-07: of several equal words of one auditor the least hash counts, in any order', () => {
    const said = [0, 1, 2].map((i) => ({ ...pass, measurementsHash: label(`measurements ${i}`) }));
    const [least] = said.map((verdict) => verdictRecord.hash(market.domain, verdict)).sort(compareBytes);
    for (const verdicts of [said, said.toReversed()]) {
      const credits = tally(input({ entries: [checked], verdicts })).credits.get(toHex(pass.validator));
      expect([...(credits ?? [])].map(({ receiptHash }) => receiptHash)).toEqual([least]);
    }
  });
});

describe('gateways', () => {
  test('M-05: each paid entry owes its gateway for the outcome that it signed', () => {
    const [paid, unpaid] = [numbered(1), numbered(2)];
    const other = market.checked({ gateway: 'gateway 2', dispatchNumber: 3n, escrow: 'escrow of gateway 2' });
    const escrows = [
      { escrow, available: PRICE, cumulativeDebit: 0n },
      { escrow: label('escrow of gateway 2'), available: PRICE, cumulativeDebit: 0n },
    ];
    const { credits } = tally(input({ entries: [paid, unpaid, other], escrows }));
    const creditOf = ({ entry }: CheckedEntry): ReceiptCredit => ({
      entryHash: entryHashOf(entry),
      receiptHash: outcomeRecord.hash(market.domain, entry.outcome.value),
      karma: [0n, 0n, 0n, 0n, 0n],
      owed: 172n,
    });
    expect(credits.get(toHex(gateway.participant))).toEqual([creditOf(paid)]);
    expect(credits.get(toHex(label('gateway 2')))).toEqual([creditOf(other)]);
  });

  test('M-05: a share of less than a lamport is none', () => {
    const cheap = numbered(1, { ticket: (value) => ({ ...value, priceCap: 19n }) });
    const result = tally(input({ entries: [cheap] }));
    expect(result.credits.get(toHex(gateway.participant))).toBe(undefined);
    expect(result.settlements).toEqual([{ escrow, cumulativeAfter: 19n, debit: 19n }]);
  });
});

describe('lifetimes', () => {
  test('T-01: lifetimes grow over two epochs, and those who did nothing keep theirs', () => {
    const first = tally(input({ entries: [numbered(1)] }));
    const prior: LedgerState = { ...first, root: label('root') };
    const later = market.checked({ slot: 1301n });
    const second = tally(input({ epoch: 2n, entries: [later], prior }));
    const before = earned(first);
    const after = earned(second);
    const workers = workersOf(later).map(toHex);
    for (const [participant, amounts] of Object.entries(after)) {
      const worked = workers.includes(participant) ? [KARMA, KARMA / 2n, 0n, 918n] : [0n, 0n, 0n, 0n];
      const gained = participant === toHex(gateway.participant) ? GATEWAY_ROW : worked;
      expect(amounts).toEqual(gained.map((gain, i) => gain + (before[participant]?.[i] ?? 0n)));
    }
    expect(Object.keys(after).length).toBe(new Set([...Object.keys(before), ...workers]).size);
    expect(second.escrowDebits).toEqual([{ escrow, cumulativeDebit: 2n * PRICE }]);
  });

  test('T-03: rows stand by registration index, once each', () => {
    const entries = [1, 2, 3, 4].map((number) => numbered(number));
    const indexes = tally(input({ entries })).lifetimes.map(({ index }) => index);
    expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b));
  });

  test('V-20: the order in which entries and verdicts arrive decides nothing', () => {
    const entries = [1, 2, 3, 4, 5, 6].map((number) =>
      numbered(number, { assurance: number % 2 === 0 ? 'proof' : 'quorum' }),
    );
    const verdicts = entries
      .slice(0, 4)
      .map((one, i) => verdictOn(one, { attempt: 0, verdict: i === 1 ? 'fail' : 'pass' }));
    const escrows = [{ escrow, available: 3n * PRICE, cumulativeDebit: 0n }];
    const one = tally(input({ entries, verdicts, escrows }));
    const two = tally(
      input({
        entries: entries.toReversed(),
        verdicts: verdicts.toReversed(),
        escrows,
        validators: validators.toReversed(),
      }),
    );
    expect({ ...two, credits: sorted(two), decisions: 0 }).toEqual({ ...one, credits: sorted(one), decisions: 0 });
  });

  function sorted(result: TallyResult): unknown {
    return [...result.credits].map(([key, list]) => [key, [...list]] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  test('T-04: every lifetime is the prior one and the sum of its credits, whoever has it', () => {
    const entries = [1, 2, 3, 4, 5].map((number) => numbered(number, { assurance: number < 3 ? 'proof' : 'quorum' }));
    const verdicts = entries.slice(0, 2).map((one) => verdictOn(one, { attempt: 0, verdict: 'pass' }));
    const first = tally(input({ entries, verdicts }));
    const prior: LedgerState = { ...first, root: label('root') };
    const second = tally(input({ epoch: 2n, entries: [market.checked({ slot: 1301n })], prior }));
    for (const [result, before] of [
      [first, []],
      [second, first.lifetimes],
    ] as const) {
      expect(new Set(result.lifetimes.map(({ participant }) => toHex(participant)))).toEqual(
        new Set([...result.credits.keys(), ...before.map(({ participant }) => toHex(participant))]),
      );
      for (const { participant, karma, owed } of result.lifetimes) {
        const had = before.find((one) => compareBytes(one.participant, participant) === 0);
        const credits = [...(result.credits.get(toHex(participant)) ?? [])];
        const sums = credits.reduce(
          (all, credit) => all.map((sum, i) => sum + ([...credit.karma, credit.owed][i] ?? 0n)),
          [...(had?.karma ?? ZERO_KARMA), had?.owed ?? 0n],
        );
        expect([...karma, owed]).toEqual(sums);
        const keys = credits.map(({ entryHash, receiptHash }) => toHex(entryHash) + toHex(receiptHash));
        expect(keys).toEqual(keys.toSorted());
        expect(credits.every((credit) => credit.owed > 0n || credit.karma.some((part) => part > 0n))).toBe(true);
      }
    }
  });
});

test('V-20: two thousand entries of one gateway tally in little more than linear time', () => {
  const one = numbered(1);
  const entries = Array.from({ length: 2000 }, (_, i): CheckedEntry => {
    const dispatch = { ...one.entry.dispatch, value: { ...one.entry.dispatch.value, dispatchNumber: BigInt(i + 1) } };
    return { ...one, entry: { ...one.entry, dispatch } };
  });
  const started = performance.now();
  expect(tally(input({ entries })).settlements).toEqual([
    { escrow, cumulativeAfter: 2000n * PRICE, debit: 2000n * PRICE },
  ]);
  expect(performance.now() - started).toBeLessThan(20_000);
});
