import { expect, test } from 'vitest';
import { KarmeshError } from '../errors.ts';
import { candidateGroupCodec } from './assignment.ts';
import { measurementsCodec } from './audit.ts';
import { toHex } from './bytes.ts';
import { type Codec, decode, encode } from './codec.ts';
import { engineClassCodec } from './engineClass.ts';
import { batchBodyCodec, entryCodec } from './entry.ts';
import { Market } from './fixtures/market.ts';
import { logEventCodec } from './logEvent.ts';
import { logAnswerCodec, logAskCodec } from './logFrames.ts';
import { manifestBodyCodec } from './manifest.ts';
import { sumPathCodec } from './merkle.ts';
import { modelManifestCodec } from './model.ts';
import { tokensCodec } from './output.ts';
import { offchainParametersCodec } from './parameters.ts';
import {
  batchRecord,
  dispatchRecord,
  outcomeRecord,
  receiptBodyCodec,
  receiptRecord,
  refusalRecord,
  sealRecord,
  ticketRecord,
  timeoutRecord,
  usageRecord,
  verdictRecord,
} from './records.ts';
import { reportBodyCodec, reportCodec } from './report.ts';
import { inferenceRequestCodec } from './request.ts';
import { signedCodec } from './signature.ts';

/** Everything that a peer or a file can put before a decoder. */
const codecs: Readonly<Record<string, Codec<unknown>>> = {
  entry: entryCodec,
  batchBody: batchBodyCodec,
  manifestBody: manifestBodyCodec,
  reportBody: reportBodyCodec,
  report: reportCodec,
  candidateGroup: candidateGroupCodec,
  logEvent: logEventCodec,
  logAsk: logAskCodec,
  logAnswer: logAnswerCodec,
  request: inferenceRequestCodec,
  model: modelManifestCodec,
  engineClass: engineClassCodec,
  tokens: tokensCodec,
  path: sumPathCodec(6),
  pathWithoutSums: sumPathCodec(0),
  measurements: measurementsCodec,
  offchainParameters: offchainParametersCodec,
  receiptBody: receiptBodyCodec,
  ticket: signedCodec(ticketRecord),
  dispatch: signedCodec(dispatchRecord),
  seal: signedCodec(sealRecord),
  usage: signedCodec(usageRecord),
  receipt: signedCodec(receiptRecord),
  refusal: signedCodec(refusalRecord),
  timeout: signedCodec(timeoutRecord),
  outcome: signedCodec(outcomeRecord),
  batch: signedCodec(batchRecord),
  verdict: signedCodec(verdictRecord),
};

/** `CODEC`, or `ok` if the bytes decode and encode to the same bytes again. */
function outcome(codec: Codec<unknown>, bytes: Uint8Array): string {
  try {
    return toHex(encode(codec, decode(codec, bytes))) === toHex(bytes) ? 'ok' : 'encodes to other bytes';
  } catch (error) {
    return error instanceof KarmeshError ? error.code : `not ours: ${error}`;
  }
}

/** Bytes from a fixed seed (xorshift32), so that a failure repeats. `small` makes counts that fit. */
function randomBytes(seed: number): (length: number, small: boolean) => Uint8Array {
  let state = seed;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return (length, small) =>
    Uint8Array.from({ length }, () => {
      const value = next();
      return small && value % 4 !== 0 ? (value >>> 8) % 3 : (value >>> 8) & 0xff;
    });
}

test.each(Object.entries(codecs))('F-03: %s: random bytes are one value, or refused with CODEC', (_, codec) => {
  const random = randomBytes(0x9e3779b9);
  const length = codec.size;
  const seen = new Set<string>();
  for (let i = 0; i < 600; i++) seen.add(outcome(codec, random(length ?? i, i % 2 === 0)));
  expect([...seen].filter((one) => one !== 'ok' && one !== 'CODEC')).toEqual([]);
});

test.each(Object.entries(codecs))('F-03: %s: the greatest counts with nothing behind them cost nothing', (_, codec) => {
  const started = performance.now();
  const seen = new Set<string>();
  for (const count of [0xff, 0x7f, 0x0f, 0x00]) {
    for (const width of [4, 8, 44, 120, 4096]) {
      // Each four bytes are a count up to 2^20, the greatest that any vector may have.
      const bytes = Uint8Array.from({ length: width }, (__, i) => (i % 4 === 2 ? 0x10 : i % 4 === 3 ? 0 : count));
      seen.add(outcome(codec, bytes));
    }
  }
  expect([...seen].filter((one) => one !== 'ok' && one !== 'CODEC')).toEqual([]);
  expect(performance.now() - started).toBeLessThan(5000);
});

test('E-01: an entry cut anywhere, or with any byte changed, is another entry with one form or refused', () => {
  const bytes = encode(entryCodec, new Market().entry({ roles: ['x', 'refuses', 'times out', 'y', 'x'] }));
  const seen = new Set<string>();
  for (let i = 0; i < bytes.length; i++) {
    expect(outcome(entryCodec, bytes.subarray(0, i))).toBe('CODEC');
    seen.add(
      outcome(
        entryCodec,
        bytes.map((byte, at) => (at === i ? byte ^ 0xff : byte)),
      ),
    );
  }
  expect(seen).toEqual(new Set(['ok', 'CODEC']));
});
