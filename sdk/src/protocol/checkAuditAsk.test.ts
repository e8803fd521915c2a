import { describe, expect, test } from 'vitest';
import { auditedReceipt, drawAuditors } from './audit.ts';
import type { AuditAsk } from './auditFrames.ts';
import { type AuditChain, checkAuditAsk } from './checkAuditAsk.ts';
import { entryHashOf } from './entry.ts';
import { label, Market, signerOf } from './fixtures/market.ts';
import { entryLeaf } from './manifest.ts';
import { type SumTree, sumTree } from './merkle.ts';
import { receiptRecord, type Verdict, verdictRecord } from './records.ts';
import { carriedLeaf } from './report.ts';
import { signRecord } from './signature.ts';

const market = new Market();
const { domain } = market;
const entry = market.entry({ assurance: 'proof' });
const entryHash = entryHashOf(entry);
const price = entry.outcome.value.price;
const beacons = new Map([1n, 2n, 3n].map((epoch) => [epoch, label(`beacon ${epoch}`)]));
const validators = [0, 1, 2, 3, 4].map((i) => ({
  participant: label(`validator ${i}`),
  index: 20 + i,
  stake: 1_000n,
  identity: signerOf(`validator ${i}`).publicKey,
}));
const beaconOf = (epoch: bigint): Uint8Array => beacons.get(epoch) ?? label('');
const auditorsOf = (epoch: bigint): typeof validators =>
  drawAuditors({ beacon: beaconOf(epoch), entryHash, validators }) as typeof validators;
const nameOf = (auditor: (typeof validators)[number] | undefined): string => `validator ${(auditor?.index ?? 0) - 20}`;

const set: SumTree = sumTree(
  [
    entryLeaf(domain, { epoch: 1n, entryHash: label('another entry'), price: 5n }),
    entryLeaf(domain, { epoch: 1n, entryHash, price }),
    entryLeaf(domain, { epoch: 1n, entryHash: label('a third entry'), price: 7n }),
  ],
  1,
);
const carried: SumTree = sumTree(
  [carriedLeaf(domain, { epoch: 1n, entryHash, drawnEpoch: 1n, beacon: beaconOf(1n) })],
  0,
);
const chain: AuditChain = {
  domain,
  offchain: {
    weightFloor: 0n,
    weightCap: 0n,
    dispatchMaxAgeSlots: 0n,
    clockToleranceMs: 0n,
    latencyBaseMs: 0n,
    latencyPerTokenMs: 0n,
    auditRateStream: 0n,
    auditRateQuorum: 0n,
    auditRateProof: 10_000n,
    largestGapMicro: 0n,
    gapSumMicroPer1000: 0n,
    differingPer1000: 0n,
    validationKarmaPerVerdict: 0n,
    proofDeadlineSlots: 9_000n,
  },
  epoch: (epoch) =>
    epoch > 3n
      ? undefined
      : {
          receiptSetRoot: epoch === 1n ? set.root.hash : label('another set'),
          beacon: beacons.get(epoch),
          carriedRoot: epoch === 1n ? carried.root.hash : new Uint8Array(32),
          isFinal: epoch < 2n,
        },
  validators: () => validators,
};
const ask: AuditAsk = {
  type: 'ask',
  epoch: 1n,
  validator: auditorsOf(1n)[0]?.participant ?? label(''),
  attempt: 0,
  source: 'set',
  treeEpoch: 1n,
  drawnEpoch: 1n,
  drawnBeacon: beaconOf(1n),
  index: 1,
  count: 3,
  setPath: set.path(1),
  carriedPath: [],
  entry,
  verdicts: [],
};
const asker = auditorsOf(1n)[0]?.identity ?? label('');

/** The audited receipt, as an accepted ask names it. */
function accepted(): unknown {
  const drawnBeacon = beaconOf(1n);
  const receipt = entry.evidence.receipts[auditedReceipt({ beacon: drawnBeacon, entryHash, count: 3 })];
  if (receipt === undefined) throw new RangeError('The fixture has three receipts.');
  const receiptHash = receiptRecord.hash(domain, receipt.receipt.value);
  return { verdict: 'accept', entryHash, receipt, receiptHash, drawnEpoch: 1n, drawnBeacon };
}
const refused = (reason: 'not-drawn' | 'unknown-epoch'): unknown => ({ verdict: 'reject', rule: 'U-11', reason });

test('U-11: the first drawn auditor may open the drawn receipt', () => {
  expect(checkAuditAsk(chain, { ask, asker })).toEqual(accepted());
});

test('U-11: a carried entry is opened under the next beacon, without a second lot', () => {
  const asked: AuditAsk = {
    ...ask,
    epoch: 2n,
    source: 'carried',
    treeEpoch: 1n,
    index: 0,
    setPath: [],
    carriedPath: [],
  };
  const next = auditorsOf(2n)[0]?.identity ?? label('');
  const never = { ...chain, offchain: { ...chain.offchain, auditRateProof: 0n } };
  expect(checkAuditAsk(never, { ask: asked, asker: next })).toEqual(accepted());
});

test('U-11: what an older report carried, or one that is not final, opens nothing', () => {
  const asked: AuditAsk = {
    ...ask,
    epoch: 3n,
    source: 'carried',
    treeEpoch: 1n,
    index: 0,
    setPath: [],
    carriedPath: [],
  };
  const next = auditorsOf(3n)[0]?.identity ?? label('');
  const finalUpTo = (last: bigint): AuditChain => ({
    ...chain,
    epoch: (epoch) => {
      const account = chain.epoch(epoch);
      return account && { ...account, isFinal: epoch <= last };
    },
  });
  const verdicts = [0n, 1n, 2n].map((last) => checkAuditAsk(finalUpTo(last), { ask: asked, asker: next }));
  expect(verdicts).toEqual([refused('not-drawn'), accepted(), refused('not-drawn')]);
});

test.each<readonly [string, AuditAsk, 'not-drawn' | 'unknown-epoch']>([
  ['an epoch that is not there', { ...ask, epoch: 4n }, 'unknown-epoch'],
  ['a tree of an epoch that is not there', { ...ask, source: 'carried', treeEpoch: 4n }, 'unknown-epoch'],
  ['an epoch without a beacon', { ...ask, epoch: 0n, treeEpoch: 0n }, 'unknown-epoch'],
  ['a set of another epoch', { ...ask, treeEpoch: 2n }, 'not-drawn'],
  ['another epoch’s beacon for this set', { ...ask, epoch: 2n }, 'not-drawn'],
  ['another place in the tree', { ...ask, index: 0 }, 'not-drawn'],
  ['a set under another beacon', { ...ask, drawnBeacon: beaconOf(2n) }, 'not-drawn'],
  ['a set of an epoch that was not drawn then', { ...ask, drawnEpoch: 2n }, 'not-drawn'],
  [
    'a carried entry under another first beacon',
    { ...ask, epoch: 2n, source: 'carried', index: 0, setPath: [], drawnBeacon: beaconOf(2n) },
    'not-drawn',
  ],
  ['a path that is too short', { ...ask, setPath: ask.setPath.slice(1) }, 'not-drawn'],
  [
    'a path whose sums leave 64 bits',
    { ...ask, setPath: ask.setPath.map((node) => ({ ...node, sums: [2n ** 64n - 1n] })) },
    'not-drawn',
  ],
  [
    'an entry that is not in the set',
    { ...ask, entry: market.entry({ assurance: 'proof', dispatchNumber: 2n }) },
    'not-drawn',
  ],
  [
    'a carried entry under its own epoch’s beacon',
    { ...ask, source: 'carried', index: 0, setPath: [], carriedPath: [] },
    'not-drawn',
  ],
  [
    'a carried entry that the report did not carry',
    { ...ask, epoch: 3n, source: 'carried', treeEpoch: 2n, index: 0, setPath: [], carriedPath: [] },
    'not-drawn',
  ],
  ['a third auditor', { ...ask, attempt: 2 }, 'not-drawn'],
])('U-11: refuses %s', (_, asked, reason) => {
  expect(checkAuditAsk(chain, { ask: asked, asker })).toEqual(refused(reason));
});

test('U-11: refuses everybody but the drawn auditor', () => {
  const others = validators.filter(({ identity }) => identity !== asker);
  expect(others.map(({ identity }) => checkAuditAsk(chain, { ask, asker: identity }))).toEqual(
    others.map(() => refused('not-drawn')),
  );
  expect(checkAuditAsk(chain, { ask, asker: label('a stranger') })).toEqual(refused('not-drawn'));
});

test('U-11: refuses an entry that the beacon did not draw', () => {
  const never = { ...chain, offchain: { ...chain.offchain, auditRateProof: 0n } };
  expect(checkAuditAsk(never, { ask, asker })).toEqual(refused('not-drawn'));
});

test('U-11: refuses an entry without agreement', () => {
  const split = market.entry({ assurance: 'proof', roles: ['x', 'y', 'z'] });
  const hash = entryHashOf(split);
  const tree = sumTree([entryLeaf(domain, { epoch: 1n, entryHash: hash, price: 0n })], 1);
  const auditor = drawAuditors({
    beacon: label('beacon 1'),
    entryHash: hash,
    validators,
  })[0] as (typeof validators)[number];
  const own: AuditChain = {
    ...chain,
    epoch: () => ({
      receiptSetRoot: tree.root.hash,
      beacon: label('beacon 1'),
      carriedRoot: new Uint8Array(32),
      isFinal: false,
    }),
  };
  const asked: AuditAsk = { ...ask, entry: split, index: 0, setPath: [] };
  expect(checkAuditAsk(own, { ask: asked, asker: auditor.identity })).toEqual(refused('not-drawn'));
});

describe('U-11: the second auditor shows the first one’s failing verdict', () => {
  const [first, second] = auditorsOf(1n);
  const beacon = beacons.get(1n) ?? label('');
  const receipt = entry.evidence.receipts[auditedReceipt({ beacon, entryHash, count: 3 })]?.receipt.value;
  if (first === undefined || second === undefined || receipt === undefined) throw new RangeError('Two are drawn.');
  const failing: Verdict = {
    epoch: 1n,
    entryHash,
    receiptHash: receiptRecord.hash(domain, receipt),
    validator: first.participant,
    attempt: 0,
    verdict: 'fail',
    rule: 20,
    measurementsHash: label('measurements'),
  };
  const judge = (verdict: Verdict | undefined, signer = nameOf(first)): unknown =>
    checkAuditAsk(chain, {
      ask: {
        ...ask,
        attempt: 1,
        verdicts:
          verdict === undefined ? [] : [signRecord(verdictRecord, { domain, signer: signerOf(signer) }, verdict)],
      },
      asker: second.identity,
    });

  test('U-11: and may then open the receipt', () => {
    expect(judge(failing)).toEqual(accepted());
  });

  test.each<readonly [string, Verdict | undefined]>([
    ['no verdict', undefined],
    ['a passing verdict', { ...failing, verdict: 'pass', rule: 0 }],
    ['a verdict of the second attempt', { ...failing, attempt: 1 }],
    ['a verdict of another epoch', { ...failing, epoch: 2n }],
    ['a verdict on another entry', { ...failing, entryHash: label('another entry') }],
    ['a verdict on another receipt', { ...failing, receiptHash: label('another receipt') }],
    ['a verdict in another’s name', { ...failing, validator: second.participant }],
  ])('U-11: refuses %s', (_, verdict) => {
    expect(judge(verdict)).toEqual(refused('not-drawn'));
  });

  test('U-11: refuses a verdict that the first auditor did not sign', () => {
    expect(judge(failing, nameOf(second))).toEqual(refused('not-drawn'));
  });

  test('U-11: the first auditor is not the second', () => {
    const asked: AuditAsk = {
      ...ask,
      attempt: 1,
      verdicts: [signRecord(verdictRecord, { domain, signer: signerOf(nameOf(first)) }, failing)],
    };
    expect(checkAuditAsk(chain, { ask: asked, asker: first.identity })).toEqual(refused('not-drawn'));
  });
});
