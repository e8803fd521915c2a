import { describe, expect, test } from 'vitest';
import { nativeVerifySignature } from '../runtime/nativeVerifySignature.ts';
import { concatBytes, toHex } from './bytes.ts';
import { checkEntry, type EntryContext, type EntryVerdict, MAX_PRICE_LAMPORTS } from './checkEntry.ts';
import { decode, encode } from './codec.ts';
import { type Entry, type Evidence, entryCodec, entryHashOf } from './entry.ts';
import { type EntryPlan, label, Market, signerOf } from './fixtures/market.ts';
import { ZERO_HASH } from './hash.ts';
import { sealsHashOf } from './records.ts';
import type { VerifySignature } from './signature.ts';

const market = new Market();

/** The verdict's rule and kind, which is all that most tests are about. */
function verdictOf(entry: Entry, changes: Partial<EntryContext> = {}): string {
  return named(checkEntry({ ...market.context, ...changes }, entry));
}

function named(verdict: EntryVerdict): string {
  return verdict.verdict === 'accept' ? 'accept' : `${verdict.verdict} ${verdict.rule}`;
}

const planned = (plan: EntryPlan): string => verdictOf(market.entry(plan));
const other = label('something else');

describe('an entry that holds', () => {
  test('is accepted with its epoch, its draw and the receipts that agree', () => {
    const entry = market.entry({ roles: ['x', 'y', 'x'] });
    expect(checkEntry(market.context, entry)).toEqual({
      verdict: 'accept',
      epoch: 1n,
      entry: {
        entry,
        entryHash: entryHashOf(entry),
        epoch: 1n,
        drawn: market.drawn({}),
        agreeing: [entry.evidence.receipts[0], entry.evidence.receipts[2]],
        activeParameters: market.activeParameters,
      },
    });
  });

  test.each<readonly [string, EntryPlan]>([
    ['of every assurance', { assurance: 'proof' }],
    ['without agreement', { roles: ['x', 'y', 'z'] }],
    ['in which nobody answered', { roles: ['refuses', 'times out', 'refuses'] }],
    ['with a replacement for a refusal and a time-out', { roles: ['refuses', 'x', 'times out', 'x', 'x'] }],
    ['with a fourth worker after a split', { roles: ['x', 'y', 'z', 'y'] }],
    ['sold above the list price', { ticket: (value) => ({ ...value, unitPrice: 250_000n }) }],
    ['that was halted', { assurance: 'stream', body: (value) => ({ ...value, finishReason: 'halted' }) }],
    ['whose price meets the cap', { ticket: (value) => ({ ...value, priceCap: 1000n }) }],
    ['of a fourth worker that saw more seals than the others', splitThenFourth()],
  ])('%s is accepted', (_, plan) => {
    expect(planned(plan)).toBe('accept');
  });
});

/** Three workers reveal after three seals; a fourth is asked, seals, and sees four. */
function splitThenFourth(): EntryPlan {
  const roles = ['x', 'y', 'z', 'x'];
  const seals = market.entry({ roles }).evidence.seals.map(({ seal }) => seal.value);
  return {
    roles,
    body: (value, place) => ({ ...value, sealsHash: sealsHashOf(seals.slice(0, place === 3 ? 4 : 3)) }),
  };
}

test('E-10: rejects a dispatch of a slot before epoch 0', () => {
  expect(planned({ slot: 999n })).toBe('reject E-10');
});

describe('E-11', () => {
  test('E-11: ignores an entry of a gateway it does not know', () => {
    expect(verdictOf(market.entry(), { gatewayIdentity: () => undefined })).toBe('ignore E-11');
  });
  test('E-11: rejects records that somebody else signed for the gateway', () => {
    expect(planned({ gatewaySigner: signerOf('a stranger') })).toBe('reject E-11');
  });
  test.each(['ticket', 'dispatch', 'outcome'] as const)('E-11: rejects a %s with a forged signature', (record) => {
    const entry = market.entry();
    const forged = { ...entry[record], signature: signerOf('a stranger').sign(label('any')) };
    expect(verdictOf({ ...entry, [record]: forged })).toBe('reject E-11');
  });
  test('E-11: rejects a record of another cluster', () => {
    expect(verdictOf(market.entry(), { domain: label('another domain') })).toBe('reject E-11');
  });
});

test.each<readonly [string, EntryPlan]>([
  ['E-12: rejects a dispatch of another ticket', { dispatch: (value) => ({ ...value, ticketHash: other }) }],
  ['E-12: rejects an outcome of another dispatch', { outcome: (value) => ({ ...value, dispatchHash: other }) }],
  [
    'E-12: rejects a dispatch that is earlier than its ticket',
    { dispatch: (value) => ({ ...value, dispatchedAtMs: 1n }) },
  ],
  [
    'E-12: rejects an outcome that is earlier than its dispatch',
    { outcome: (value) => ({ ...value, finishedAtMs: 1n }) },
  ],
  ['E-12: rejects a receipt of another dispatch', { receipt: (value) => ({ ...value, dispatchHash: other }) }],
  ['E-12: rejects a seal of another dispatch', { seal: (value) => ({ ...value, dispatchHash: other }) }],
  ['E-13: rejects an escrow of another gateway', { escrow: 'escrow of another gateway' }],
  ['E-14: rejects a preimage of another number', { dispatch: (value) => ({ ...value, dispatchNumber: 2n }) }],
  ['E-14: rejects a preimage of no chain', { dispatch: (value) => ({ ...value, preimage: other }) }],
  ['E-14: rejects the number 0', { dispatch: (value) => ({ ...value, dispatchNumber: 0n }) }],
  ['E-14: rejects a number over the chain’s length', { dispatch: (value) => ({ ...value, dispatchNumber: 257n }) }],
  ['E-16: rejects a receipt of a worker that was not drawn', { receipt: (value) => ({ ...value, worker: other }) }],
  ['E-16: rejects a seal of a worker that was not drawn', { seal: (value) => ({ ...value, worker: other }) }],
  ['E-19: rejects a receipt of another epoch', { receipt: (value) => ({ ...value, epoch: 2n }) }],
  ['E-19: rejects a body that the receipt did not sign', { receipt: (value) => ({ ...value, bodyHash: other }) }],
  ['E-19: rejects an answer to another request', { body: (value) => ({ ...value, requestId: other }) }],
  ['E-19: rejects an answer of another model', { body: (value) => ({ ...value, modelId: other }) }],
  ['E-19: rejects an answer of another engine class', { body: (value) => ({ ...value, engineClass: other }) }],
  ['E-19: rejects a first token before the request', { body: (value) => ({ ...value, firstTokenAtMs: 1n }) }],
  [
    'E-19: rejects an answer that was halted and is no stream',
    { body: (value) => ({ ...value, finishReason: 'halted' }) },
  ],
  ['E-19: rejects an end before the first token', { body: (value) => ({ ...value, finishedAtMs: 1n }) }],
  ['E-20: rejects an answer that was not sealed', { receipt: (value) => ({ ...value, outputHash: other }) }],
  ['E-20: rejects another trace than the sealed one', { body: (value) => ({ ...value, traceRoot: other }) }],
  ['E-20: rejects another salt than the sealed one', { body: (value) => ({ ...value, salt: new Uint8Array(24) }) }],
  ['E-20: rejects a seal of nothing', { seal: (value) => ({ ...value, seal: other }) }],
  ['E-20: rejects a reveal that saw other seals', { body: (value) => ({ ...value, sealsHash: other }) }],
  [
    'E-20: rejects a reveal before any seal but its own',
    { body: (value) => ({ ...value, sealsHash: sealsHashOf([]) }) },
  ],
  ['E-21: rejects a seal that came before the dispatch', { arrivedAtMs: () => 1n }],
  ['E-21: rejects a seal that came after the end', { arrivedAtMs: (value) => value + 1000n }],
  [
    'E-21: rejects a worker that worked longer than the gateway waited, beyond the clocks’ tolerance',
    { body: (value) => ({ ...value, finishedAtMs: value.receivedAtMs + 900n + 5001n }) },
  ],
  ['E-22: rejects other evidence than the outcome signed', { outcome: (value) => ({ ...value, evidenceHash: other }) }],
  ['E-22: rejects a verdict that the receipts do not decide', { outcome: (value) => ({ ...value, verdict: 'none' }) }],
  [
    'E-22: rejects an agreement that the receipts do not decide',
    { roles: ['x', 'y', 'z'], outcome: (value) => ({ ...value, verdict: 'agreed' }) },
  ],
  ['E-22: rejects another answer than the agreed one', { outcome: (value) => ({ ...value, outputHash: other }) }],
  [
    'E-22: rejects the list price where the ticket names a higher one',
    { ticket: (value) => ({ ...value, unitPrice: 250_000n }), outcome: (value) => ({ ...value, price: 3444n }) },
  ],
  [
    'E-22: rejects the price that a ticket names below the list price',
    { ticket: (value) => ({ ...value, unitPrice: 50_000n }), outcome: (value) => ({ ...value, price: 1722n }) },
  ],
  ['E-22: rejects a price over the list price', { outcome: (value) => ({ ...value, price: value.price + 1n }) }],
  ['E-22: rejects a price under the list price', { outcome: (value) => ({ ...value, price: value.price - 1n }) }],
  [
    'E-22: rejects a price over the cap',
    { ticket: (value) => ({ ...value, priceCap: 1000n }), outcome: (value) => ({ ...value, price: 1001n }) },
  ],
  [
    'E-22: rejects a price without an answer',
    { roles: ['x', 'y', 'z'], outcome: (value) => ({ ...value, price: 1n }) },
  ],
  [
    'E-22: rejects an answer that nobody agreed on',
    { roles: ['x', 'y', 'z'], outcome: (value) => ({ ...value, outputHash: other }) },
  ],
  [
    'E-23: rejects a receipt that states more output tokens than those who agree with it',
    { receipt: (value, place) => ({ ...value, outputTokens: value.outputTokens + (place === 1 ? 1 : 0) }) },
  ],
  [
    'E-23: rejects a receipt that states more prompt tokens than those who agree with it',
    { receipt: (value, place) => ({ ...value, promptTokens: value.promptTokens + (place === 0 ? 1 : 0) }) },
  ],
  [
    'E-23: rejects a receipt that states another end than those who agree with it',
    { body: (value, place) => ({ ...value, finishReason: place === 2 ? 'length' : 'stop' }) },
  ],
  [
    'E-24: rejects a price cap whose sums could leave 64 bits',
    { ticket: (value) => ({ ...value, priceCap: MAX_PRICE_LAMPORTS + 1n }) },
  ],
])('%s', (name, plan) => {
  expect(planned(plan)).toBe(`reject ${name.slice(0, 4)}`);
});

test('E-24: accepts the greatest price cap', () => {
  expect(planned({ ticket: (value) => ({ ...value, priceCap: MAX_PRICE_LAMPORTS }) })).toBe('accept');
});

test('E-21: accepts a worker’s clock that differs by the tolerance', () => {
  expect(planned({ body: (value) => ({ ...value, finishedAtMs: value.receivedAtMs + 900n + 5000n }) })).toBe('accept');
});

test.each<readonly [string, Partial<EntryContext>]>([
  ['E-13: ignores an escrow it does not know', { escrowGateway: () => undefined }],
  ['E-14: ignores a hash chain it does not know', { chain: () => undefined }],
  ['E-15: ignores a slot whose hash it has not seen', { slotHash: () => undefined }],
  ['E-16: ignores a group of workers it does not know', { candidates: () => undefined }],
  ['E-16: ignores a model it does not know', { model: () => undefined }],
])('%s', (name, changes) => {
  expect(verdictOf(market.entry(), changes)).toBe(`ignore ${name.slice(0, 4)}`);
});

test('E-15: another slot hash draws other workers, so that a false slot is rejected', () => {
  expect(verdictOf(market.entry(), { slotHash: () => label('another fork') })).toBe('reject E-17');
});

test('E-17: a class of two workers answers nothing', () => {
  const small = new Market({ workers: 2 });
  expect(named(checkEntry(small.context, small.entry({ roles: ['x', 'x'] })))).toBe('reject E-17');
});

describe('E-17: the first of the draw, all of them, once each', () => {
  const without =
    (place: number) =>
    (value: Evidence): Evidence => ({
      ...value,
      receipts: value.receipts.filter((_, i) => i !== place),
      seals: value.seals.filter((_, i) => i !== place),
    });
  const alone = (plan: EntryPlan): EntryPlan => {
    const seals = market.entry(plan).evidence.seals.map(({ seal }) => seal.value);
    return { ...plan, body: (value) => ({ ...value, sealsHash: sealsHashOf(seals.slice(1)) }) };
  };

  test.each<readonly [string, EntryPlan]>([
    ['fewer than three', { roles: ['x', 'x'] }],
    ['nobody at all', { roles: [] }],
    ['a skipped worker without a refusal or a time-out', alone({ roles: ['x', 'x', 'x', 'x'], evidence: without(0) })],
    ['a worker with a receipt and a refusal', { evidence: (value) => ({ ...value, refusals: refusalOfFirst() }) }],
    [
      'receipts out of the draw’s order',
      { evidence: (value) => ({ ...value, receipts: value.receipts.toReversed() }) },
    ],
    ['seals out of the draw’s order', { evidence: (value) => ({ ...value, seals: value.seals.toReversed() }) }],
    [
      'a seal twice',
      {
        evidence: (value) => ({ ...value, seals: value.seals.flatMap((seal, i) => (i === 0 ? [seal, seal] : [seal])) }),
      },
    ],
    [
      'a receipt twice',
      {
        evidence: (value) => ({
          ...value,
          receipts: value.receipts.flatMap((receipt, i) => (i === 0 ? [receipt, receipt] : [receipt])),
        }),
      },
    ],
    [
      'a seal of a drawn worker that was never asked',
      {
        evidence: (value) => ({
          ...value,
          seals: [...value.seals, ...market.entry({ roles: ['x', 'x', 'x', 'x'] }).evidence.seals.slice(3)],
        }),
      },
    ],
  ])('E-17: rejects %s', (_, plan) => {
    expect(planned(plan)).toBe('reject E-17');
  });

  function refusalOfFirst(): Evidence['refusals'] {
    return market.entry({ roles: ['refuses', 'x', 'x'] }).evidence.refusals;
  }
});

describe('E-18: every statement is signed by whom it names', () => {
  const stranger = signerOf('a stranger').sign(label('any'));
  const roles = ['x', 'x', 'refuses', 'times out'];
  test.each(['receipts', 'seals', 'refusals', 'timeouts'] as const)('E-18: rejects forged %s', (list) => {
    const forge = (value: Evidence): Evidence => ({
      ...value,
      receipts: value.receipts.map((revealed) =>
        list === 'receipts' ? { ...revealed, receipt: { ...revealed.receipt, signature: stranger } } : revealed,
      ),
      seals: value.seals.map((arrived) =>
        list === 'seals' ? { ...arrived, seal: { ...arrived.seal, signature: stranger } } : arrived,
      ),
      refusals: value.refusals.map((refusal) => (list === 'refusals' ? { ...refusal, signature: stranger } : refusal)),
      timeouts: value.timeouts.map((timeout) => (list === 'timeouts' ? { ...timeout, signature: stranger } : timeout)),
    });
    expect(planned({ roles })).toBe('accept');
    expect(planned({ roles, evidence: forge })).toBe('reject E-18');
  });

  test('E-18: rejects a worker that signs in another’s name', () => {
    expect(planned({ workerSigner: (place) => (place === 0 ? market.workerAt({}, 1) : undefined) })).toBe(
      'reject E-18',
    );
  });

  test('E-18: rejects the receipts of keys that nobody registered', () => {
    expect(planned({ workerSigner: (place) => signerOf(`sybil ${place}`) })).toBe('reject E-18');
  });

  test('E-18: rejects a time-out that a worker signed for its gateway', () => {
    const byWorker = (value: Evidence): Evidence => ({
      ...value,
      timeouts: market.entry({ roles, gatewaySigner: market.workerAt({}, 0) }).evidence.timeouts.map((timeout, i) => ({
        ...timeout,
        value: value.timeouts[i]?.value ?? timeout.value,
      })),
    });
    expect(planned({ roles, evidence: byWorker })).toBe('reject E-18');
  });
});

test('E-20: a copier that waits for the others’ reveal has no seal to show', () => {
  const roles = ['x', 'x', 'x'];
  const evidence = (value: Evidence): Evidence => ({ ...value, seals: value.seals.slice(0, 2) });
  const seals = market
    .entry({ roles })
    .evidence.seals.map(({ seal }) => seal.value)
    .slice(0, 2);
  expect(planned({ roles, evidence, body: (value) => ({ ...value, sealsHash: sealsHashOf(seals) }) })).toBe(
    'reject E-20',
  );
});

test('E-20: another’s sealed value is worth nothing in one’s own name', () => {
  const first = market.entry().evidence.seals[0]?.seal.value.seal ?? ZERO_HASH;
  expect(planned({ seal: (value, place) => (place === 1 ? { ...value, seal: first } : value) })).toBe('reject E-20');
});

test('E-11 to E-23: no byte of an entry can be changed and the entry still hold', { timeout: 120_000 }, () => {
  const entry = market.entry({ roles: ['x', 'refuses', 'times out', 'y', 'x'] });
  const bytes = encode(entryCodec, entry);
  expect(verdictOf(entry)).toBe('accept');
  // A changed byte touches one or two signatures; what the others say is known.
  const known = new Map<string, boolean>();
  const verify: VerifySignature = (check) => {
    const key = toHex(concatBytes(check.message, check.signature, check.identity));
    const holds = known.get(key) ?? nativeVerifySignature(check);
    known.set(key, holds);
    return holds;
  };
  const accepted: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const changed = bytes.map((byte, at) => (at === i ? byte ^ (1 << (i % 8)) : byte));
    let decoded: Entry;
    try {
      decoded = decode(entryCodec, changed);
    } catch {
      continue;
    }
    if (verdictOf(decoded, { verify }) === 'accept') accepted.push(i);
  }
  expect(accepted).toEqual([]);
});

test('E-01: an entry has one form in bytes', () => {
  const bytes = encode(entryCodec, market.entry());
  expect(toHex(encode(entryCodec, decode(entryCodec, bytes)))).toBe(toHex(bytes));
});
