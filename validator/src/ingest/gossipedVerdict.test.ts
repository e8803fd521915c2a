import {
  encode,
  equalBytes,
  type Signed,
  signedCodec,
  signRecord,
  type Verdict,
  verdictRecord,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { fixtureMarket, named } from '../fixtures/market.ts';
import { judgeGossipedVerdict, type VerdictGossipContext } from './gossipedVerdict.ts';

const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain, validators } = market;
const [author, other] = validators;
if (author === undefined || other === undefined) throw new RangeError('The fixture has validators.');
const value: Verdict = {
  epoch: 5n,
  entryHash: named('entry'),
  receiptHash: named('receipt'),
  validator: author.address,
  attempt: 0,
  verdict: 'pass',
  rule: 0,
  measurementsHash: ZERO_HASH,
};
const signed = signRecord(verdictRecord, { domain, signer: author.keypair }, value);
const bytesOf = (one: Signed<Verdict>): Uint8Array => encode(signedCodec(verdictRecord), one);
const context: VerdictGossipContext = {
  domain,
  epoch: 6n,
  validatorIdentity: (address) => validators.find((one) => equalBytes(one.address, address))?.keypair.publicKey,
  held: () => [],
};

test('a validator’s signed verdict is accepted', () => {
  expect(judgeGossipedVerdict(context, bytesOf(signed))).toEqual({ verdict: 'accept', signed });
});
test('I-20: rejects what is no verdict', () => {
  for (const bytes of [new Uint8Array(), bytesOf(signed).subarray(1), new Uint8Array([...bytesOf(signed), 0])]) {
    expect(judgeGossipedVerdict(context, bytes)).toEqual({
      verdict: 'reject',
      rule: 'I-20',
      facts: { bytes: bytes.length },
    });
  }
});
test('I-21: ignores epochs that have not ended or are long past', () => {
  for (const epoch of [undefined, 5n, 14n]) {
    expect(judgeGossipedVerdict({ ...context, epoch }, bytesOf(signed))).toMatchObject({
      verdict: 'ignore',
      rule: 'I-21',
    });
  }
});
test('I-22: ignores who is no validator and rejects a false signature', () => {
  const stranger = bytesOf({ ...signed, value: { ...value, validator: named('stranger') } });
  expect(judgeGossipedVerdict(context, stranger)).toMatchObject({ verdict: 'ignore', rule: 'I-22' });
  const forged = bytesOf(signRecord(verdictRecord, { domain, signer: other.keypair }, value));
  expect(judgeGossipedVerdict(context, forged)).toMatchObject({ verdict: 'reject', rule: 'I-22' });
});
test('I-23: ignores a second verdict of one validator on one answer, and no other’s', () => {
  const failing: Verdict = { ...value, verdict: 'fail', rule: 10 };
  const second = signRecord(verdictRecord, { domain, signer: author.keypair }, failing);
  const held = () => [signed];
  const facts = { epoch: 5n, attempt: 0 };
  // One who says both is shown to the chain by both (P-44); one who says the same again is not.
  const forked = { first: signed, second, identity: author.keypair.publicKey };
  const judged = judgeGossipedVerdict({ ...context, held }, bytesOf(second));
  expect(judged).toEqual({ verdict: 'ignore', rule: 'I-23', facts, forked });
  const same = judgeGossipedVerdict({ ...context, held }, bytesOf(signed));
  expect(same).toEqual({ verdict: 'ignore', rule: 'I-23', facts });
  const others = signRecord(verdictRecord, { domain, signer: other.keypair }, { ...value, validator: other.address });
  expect(judgeGossipedVerdict({ ...context, held }, bytesOf(others))).toMatchObject({ verdict: 'accept' });
});
