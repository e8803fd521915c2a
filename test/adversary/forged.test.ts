import {
  batchBodyCodec,
  batchRecord,
  type Entry,
  encode,
  hash,
  type RevealedReceipt,
  receiptRecord,
  signedCodec,
  signRecord,
} from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EntryPlan, label, Market, signerOf } from '../../sdk/src/protocol/fixtures/market.ts';
import { batchRootOf } from '../../validator/src/ingest/batchBody.ts';
import { type HeaderContext, judgeBatchHeader } from '../../validator/src/ingest/batchHeader.ts';
import { producerHistories } from '../../validator/src/ingest/producerHistories.ts';
import { paid, type ValidatorAtWork, validatorAtWork } from './validatorAtWork.ts';

// Records that nobody signed who may: made-up keys, other people's names, receipts claimed by another.

const market = new Market();
const { domain } = market;
const stranger = signerOf('a stranger');
let validator: ValidatorAtWork;
beforeEach(async () => {
  validator = await validatorAtWork(market);
});
afterEach(() => validator[Symbol.asyncDispose]());

test('E-18: a receipt signed by a key that no account has is rejected', async () => {
  const plan: EntryPlan = { workerSigner: (place) => (place === 2 ? stranger : undefined) };
  expect(await validator.take(market.entry(plan))).toBe('reject E-18');
});

test('E-18: a receipt signed by another drawn worker’s key is rejected', async () => {
  const plan: EntryPlan = { workerSigner: (place) => (place === 2 ? market.workerAt({}, 0) : undefined) };
  expect(await validator.take(market.entry(plan))).toBe('reject E-18');
});

/** An entry whose receipt at place 0 was changed after it was signed; the gateway signs the evidence as it is. */
function withReceipt(change: (revealed: RevealedReceipt) => RevealedReceipt): Entry {
  return market.entry({
    evidence: (honest) => ({
      ...honest,
      receipts: honest.receipts.map((revealed, place) => (place === 0 ? change(revealed) : revealed)),
    }),
  });
}

test('E-18: a bit of a signature, or of what it covers, makes it nobody’s', async () => {
  const bent = withReceipt(({ receipt, body }) => ({
    body,
    receipt: { ...receipt, signature: receipt.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) },
  }));
  expect(await validator.take(bent)).toBe('reject E-18');
  const more = withReceipt(({ receipt, body }) => ({
    body,
    receipt: { ...receipt, value: { ...receipt.value, outputTokens: 9_000 } },
  }));
  expect(await validator.take(more)).toBe('reject E-18');
});

test('E-17, E-18: who claims another’s receipt, by name or under an own signature, is rejected', async () => {
  const [, , third, fourth] = market.drawn({});
  if (third === undefined || fourth === undefined) throw new RangeError('Four are drawn.');
  // The fourth worker puts its name on the first one's receipt: the signature is still the first one's.
  const renamed = withReceipt(({ receipt, body }) => ({
    body,
    receipt: { ...receipt, value: { ...receipt.value, worker: fourth.participant } },
  }));
  expect(await validator.take(renamed)).toBe('reject E-17');
  // The third says the first one's receipt again: it speaks twice.
  const twice = withReceipt(({ receipt, body }) => ({
    body,
    receipt: signRecord(
      receiptRecord,
      { domain, signer: market.workerAt({}, 2) },
      { ...receipt.value, worker: third.participant },
    ),
  }));
  expect(await validator.take(twice)).toBe('reject E-17');
});

test('E-20: who signs another’s receipt anew in its own place has sealed something else', async () => {
  const entry = market.entry({
    evidence: (honest) => {
      const [first, second, ...rest] = honest.receipts;
      if (first === undefined || second === undefined) throw new RangeError('Three answer.');
      const stolen = signRecord(
        receiptRecord,
        { domain, signer: market.workerAt({}, 1) },
        { ...first.receipt.value, worker: second.receipt.value.worker },
      );
      return { ...honest, receipts: [first, { receipt: stolen, body: first.body }, ...rest] };
    },
  });
  expect(await validator.take(entry)).toBe('reject E-20');
});

test('E-11: a gateway that is not registered is ignored, and nothing of it is kept', async () => {
  const entry = market.entry({ gateway: 'nobody', gatewaySigner: stranger });
  expect(await validator.take(entry)).toBe('ignore E-11');
  expect(validator.held(1n)).toBe(0);
});

test('E-11: a stranger’s signature in a gateway’s name is rejected', async () => {
  expect(await validator.take(market.entry({ gatewaySigner: stranger }))).toBe('reject E-11');
});

test('E-13: a gateway cannot spend another one’s escrow, nor one that is not there', async () => {
  expect(await validator.take(market.entry({ escrow: 'escrow of gateway 2' }))).toBe('reject E-13');
  expect(await validator.take(market.entry({ escrow: 'unknown escrow' }))).toBe('ignore E-13');
});

test('I-03, I-04: a batch header of an unknown producer is ignored, one that another key signed is rejected', () => {
  const histories = producerHistories({ nowMs: () => 0 });
  const context: HeaderContext = {
    domain,
    epoch: 1n,
    gatewayIdentity: market.context.gatewayIdentity,
    history: (producer) => histories.of(producer),
  };
  const entries = [market.entry()];
  const header = (producer: string, signer = signerOf(producer)): Uint8Array => {
    const batch = {
      producer: label(producer),
      sequence: 1n,
      epoch: 1n,
      merkleRoot: batchRootOf(domain, { epoch: 1n, entries }),
      bodyHash: hash(encode(batchBodyCodec, entries)),
      count: 1,
      issuedAtMs: 1n,
    };
    return encode(signedCodec(batchRecord), signRecord(batchRecord, { domain, signer }, batch));
  };
  expect(judgeBatchHeader(context, header('gateway')).verdict).toBe('accept');
  expect(judgeBatchHeader(context, header('nobody'))).toMatchObject({ verdict: 'ignore', rule: 'I-03' });
  expect(judgeBatchHeader(context, header('gateway', stranger))).toMatchObject({ verdict: 'reject', rule: 'I-04' });
  expect(judgeBatchHeader(context, header('gateway', signerOf('gateway 2')))).toMatchObject({ rule: 'I-04' });
});

test('E-22: a gateway cannot sign a price, an answer or a verdict that the receipts do not decide', async () => {
  const lies: readonly EntryPlan['outcome'][] = [
    (value) => ({ ...value, price: value.price + 1n }),
    (value) => ({ ...value, price: 0n }),
    (value) => ({ ...value, outputHash: label('another answer') }),
    (value) => ({ ...value, verdict: 'none', price: 0n, outputHash: new Uint8Array(32) }),
    (value) => ({ ...value, evidenceHash: label('other evidence') }),
  ];
  for (const outcome of lies) {
    if (outcome !== undefined) expect(await validator.take(market.entry({ outcome }))).toBe('reject E-22');
  }
});

test('the honest entry beside all of these is taken, and its three workers and its gateway are paid', async () => {
  expect(await validator.take(market.entry())).toBe('accept');
  expect(Object.keys(paid(validator.tally(validator.close(1n))))).toHaveLength(4);
});
