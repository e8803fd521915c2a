import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { concatBytes, fromHex, toHex } from './bytes.ts';
import { lazyVerdict } from './evidence.ts';
import { hash } from './hash.ts';
import { outputHashOf } from './output.ts';
import { plantedOutputHash, plantedSecret } from './plantedOutput.ts';
import { type Receipt, receiptRecord, type Verdict, verdictRecord } from './records.ts';

const vectors = JSON.parse(readFileSync(new URL('../../../test/vectors/evidence.json', import.meta.url), 'utf8'));
const domain = fromHex(vectors.domain);
const secret = fromHex(vectors.lazyVerdict.secret);
const whole = (kind: number, encoded: string): Uint8Array =>
  concatBytes(domain, new Uint8Array([kind]), fromHex(encoded));
const receipt: Receipt = receiptRecord.decode(domain, whole(6, vectors.lazyVerdict.receipt.encoded));
const verdict: Verdict = verdictRecord.decode(domain, whole(12, vectors.lazyVerdict.verdict.encoded));

test('P-52: a planted output hash is none of an answer', () => {
  expect(toHex(plantedOutputHash(domain, secret))).toBe(toHex(receipt.outputHash));
  const tokens: readonly number[] = [];
  expect(outputHashOf(domain, { promptTokens: 0, finishReason: 'stop', tokens })).not.toEqual(receipt.outputHash);
  expect(plantedOutputHash(hash(domain), secret)).not.toEqual(receipt.outputHash);
});

test('P-52: who shares a seed plants the same in one request, and something else in each', () => {
  const [seed, requestId] = [hash(secret), hash(domain)];
  const planted = plantedSecret({ seed, requestId });
  expect(plantedSecret({ seed, requestId })).toEqual(planted);
  expect(toHex(planted)).toBe(toHex(hash(concatBytes(seed, requestId))));
  expect(plantedSecret({ seed, requestId: hash(requestId) })).not.toEqual(planted);
});

test('P-52: the evidence of a pass of a planted answer', () => {
  const shown = lazyVerdict(domain, { verdict, receipt, secret });
  const row = vectors.lazyVerdict;
  expect(Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, toHex(value)]))).toEqual({
    verdict: row.verdict.encoded,
    receipt: row.receipt.encoded,
    secret: row.secret,
    offender: row.verdict.fields.validator,
    offenceKey: row.offenceKey,
    message: row.verdict.hash,
    evidence: row.evidence,
  });
});
