import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  equalBytes,
  type Signed,
  signRecord,
  type Verdict,
  verdictRecord,
  verdictsRootOf,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { describe, expect, test } from 'vitest';
import { accepted } from '../fixtures/accepted.ts';
import { fixtureMarket, named } from '../fixtures/market.ts';
import type { StoredVerdict } from '../store/epochRecords.ts';
import { auditDraw, auditsByEntry, type DrawnAudit } from './drawnAudits.ts';
import { buildVerdictList, checkVerdictList, isDrawnVerdict, type VerdictContext } from './verdictList.ts';

const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain, validators } = market;
const offchain = { ...clusterPreset('localnet').offchain, auditRateQuorum: 10_000n };
const beacon = named('beacon');
const entries = [1, 2, 3].map((dispatchNumber) => accepted(market, { dispatchNumber, slot: 501n }).checked);
const draw = auditDraw({ domain, epoch: 5n, beacon, offchain, validators, drawnBefore: [] });
const audits = entries.flatMap((checked) => draw(checked, { isCarried: false }) ?? []);
const context: VerdictContext = {
  domain,
  epoch: 5n,
  audits: auditsByEntry(audits),
  identityOf: (address) => validators.find((one) => equalBytes(one.address, address))?.keypair.publicKey,
};

function audit(at: number): DrawnAudit {
  const one = audits[at];
  if (one === undefined) throw new RangeError('Every answer is drawn.');
  return one;
}

/** A verdict of whoever was drawn, or of the validator at `by`. */
function verdict(at: number, changes: Partial<Verdict> & { readonly by?: number } = {}): Signed<Verdict> {
  const { by, ...rest } = changes;
  const { entryHash, receiptHash, auditors } = audit(at);
  const drawn = by === undefined ? auditors[rest.attempt ?? 0]?.participant : validators[by]?.address;
  const validator = validators.find((one) => equalBytes(one.address, drawn ?? ZERO_HASH));
  if (validator === undefined) throw new RangeError('Somebody was drawn.');
  const value: Verdict = {
    epoch: 5n,
    entryHash,
    receiptHash,
    validator: validator.address,
    attempt: 0,
    verdict: 'pass',
    rule: 0,
    measurementsHash: ZERO_HASH,
    ...rest,
  };
  return signRecord(verdictRecord, { domain, signer: validator.keypair }, value);
}

function stored(signed: Signed<Verdict>, arrivedSlot = 700n): StoredVerdict {
  return { signed, arrivedSlot, verdictHash: verdictRecord.hash(domain, signed.value) };
}

function notDrawn(at: number): number {
  const { auditors } = audit(at);
  return validators.findIndex((one) => auditors.every(({ participant }) => !equalBytes(participant, one.address)));
}

describe('V-16: whose verdict counts', () => {
  test.each([
    { name: 'the drawn auditor’s', made: verdict(0), counts: true },
    { name: 'the second one’s', made: verdict(0, { attempt: 1 }), counts: true },
    { name: 'not another validator’s', made: verdict(0, { by: notDrawn(0) }), counts: false },
    { name: 'not in another’s place', made: { ...verdict(0), signature: verdict(1).signature }, counts: false },
    { name: 'not of another epoch', made: verdict(0, { epoch: 4n }), counts: false },
    { name: 'not of another receipt', made: verdict(0, { receiptHash: named('receipt') }), counts: false },
    { name: 'not of an answer that was not drawn', made: verdict(0, { entryHash: named('entry') }), counts: false },
    { name: 'not of a third attempt', made: verdict(0, { attempt: 1 + 1, by: 0 }), counts: false },
  ])('$name', ({ made, counts }) => {
    expect(isDrawnVerdict(context, made)).toBe(counts);
  });
});

describe('the posted list', () => {
  const all = [verdict(0), verdict(1), verdict(1, { attempt: 1, verdict: 'fail', rule: 20 }), verdict(2)];
  const strange = verdict(2, { by: notDrawn(2) });
  const list = buildVerdictList(
    context,
    [...all, strange].map((one) => stored(one)),
  );
  const posted = {
    verdictsRoot: verdictsRootOf(all.map(({ value }) => verdictRecord.hash(domain, value))),
    verdictCount: 4,
    verdictsSlot: 710n,
  };

  test('holds the drawn auditors’ verdicts, sorted, and those alone', () => {
    expect(list).toHaveLength(4);
    expect(checkVerdictList(context, { list, posted, held: all.map((one) => stored(one)) })).toBeUndefined();
  });
  test('U-08: has one verdict per answer and attempt, however many its auditor signed', () => {
    const twice = verdict(0, { verdict: 'fail', rule: 10 });
    expect(
      buildVerdictList(
        context,
        [...all, twice].map((one) => stored(one)),
      ),
    ).toHaveLength(4);
    const both = [verdict(0), twice].sort((a, b) =>
      Buffer.compare(verdictRecord.hash(domain, a.value), verdictRecord.hash(domain, b.value)),
    );
    const root = verdictsRootOf(both.map(({ value }) => verdictRecord.hash(domain, value)));
    const check = { list: both, posted: { ...posted, verdictsRoot: root, verdictCount: 2 }, held: [] };
    expect(checkVerdictList(context, check)).toMatchObject({ rule: 'V-16' });
  });
  test('V-16: another root, count, order or author is refused', () => {
    const refused = { rule: 'V-16' };
    expect(checkVerdictList(context, { list: list.slice(1), posted, held: [] })).toMatchObject(refused);
    expect(checkVerdictList(context, { list: [...list].reverse(), posted, held: [] })).toMatchObject(refused);
    const root = verdictsRootOf([verdictRecord.hash(domain, strange.value)]);
    const alone = { list: [strange], posted: { ...posted, verdictsRoot: root, verdictCount: 1 }, held: [] };
    expect(checkVerdictList(context, alone)).toMatchObject(refused);
  });
  test('V-17: a verdict that had time to arrive may not be left out; a late one and a stranger’s may', () => {
    const short = list.filter(({ value }) => !equalBytes(value.entryHash, audit(0).entryHash));
    const root = verdictsRootOf(short.map(({ value }) => verdictRecord.hash(domain, value)));
    const check = { list: short, posted: { ...posted, verdictsRoot: root, verdictCount: 3 } };
    expect(checkVerdictList(context, { ...check, held: [stored(verdict(0), 706n)] })).toMatchObject({
      rule: 'V-17',
      missing: [verdict(0)],
    });
    expect(
      checkVerdictList(context, { ...check, held: [stored(verdict(0), 707n), stored(strange, 1n)] }),
    ).toBeUndefined();
  });
});
