import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type FinishedSpan, stageSpans } from './stageSpans.ts';
import type { ReachedStage, StageAbout } from './stages.ts';

const requestId = Uint8Array.from({ length: 32 }, (_, index) => index);
const traceId = '000102030405060708090a0b0c0d0e0f';
const rootId = '1011121314151617';
const worker = new Uint8Array(32).fill(9);
const dispatchId = createHash('sha256').update(requestId).update(worker).digest('hex').slice(0, 16);

/** Reaches stages one millisecond after the other; gives the spans that came of it. Ids that are random are s1, s2 and so on. */
function follow(program: ReachedStage['program'], stages: readonly (readonly [stage: string, about: StageAbout])[]) {
  const spans: FinishedSpan[] = [];
  let ids = 0;
  const reach = stageSpans({ maxOpen: 4 })({
    newSpanId: () => {
      ids += 1;
      return `s${ids}`;
    },
    emit: (span) => spans.push(span),
  });
  for (const [at, [stage, about]] of stages.entries()) reach({ program, stage, about }, at);
  return spans;
}

const short = ({ name, parentSpanId, spanId, startMs, endMs, fault }: FinishedSpan) =>
  [name, `${spanId} in ${parentSpanId}`, `${startMs}-${endMs}`, fault].filter((part) => part !== undefined).join(' ');

test('a request has a span of its own with its phases, and one for each worker that is asked', () => {
  const ofWorker = { requestId, worker };
  const spans = follow('gateway', [
    ['ticketed', { requestId }],
    ['dispatched', { requestId }],
    ['worker-asked', ofWorker],
    ['worker-accepted', ofWorker],
    ['worker-sealed', ofWorker],
    ['exchanged', { requestId }],
    ['worker-revealed', ofWorker],
    ['decided', { requestId }],
    ['entered', { requestId }],
    ['answered', { requestId }],
  ]);
  expect(spans.map(short)).toEqual([
    `queue s1 in ${rootId} 0-1`,
    `accept s2 in ${dispatchId} 2-3`,
    `seal s3 in ${dispatchId} 3-4`,
    `seals s4 in ${rootId} 1-5`,
    `reveal s5 in ${dispatchId} 4-6`,
    `dispatch ${dispatchId} in ${rootId} 2-6`,
    `reveals s6 in ${rootId} 5-7`,
    `quorum s7 in ${rootId} 7-8`,
    `answer s8 in ${rootId} 8-9`,
    `request ${rootId} in undefined 0-9`,
  ]);
  expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
  expect(spans.at(-1)).toMatchObject({
    kind: 'server',
    attributes: { 'karmesh.request_id': Buffer.from(requestId).toString('hex') },
  });
});

test('a worker’s own span hangs on the one that its gateway has for it', () => {
  const about = { requestId, worker };
  const stages = ['asked', 'accepted', 'first-token', 'sealed', 'recorded', 'revealed', 'over'] as const;
  const spans = follow(
    'worker',
    stages.map((stage) => [stage, about]),
  );
  expect(spans.map(short)).toEqual([
    'accept s2 in s1 0-1',
    'first token s3 in s1 1-2',
    'generate s4 in s1 2-3',
    'exchange s5 in s1 3-4',
    'reveal s6 in s1 4-5',
    `serve s1 in ${dispatchId} 0-5`,
  ]);
});

describe('what ends badly says why', () => {
  test('a worker that refuses', () => {
    const spans = follow('worker', [
      ['asked', { requestId, worker }],
      ['over', { requestId, worker, cause: 'queue-full' }],
    ]);
    expect(spans.map(short)).toEqual(['accept s2 in s1 0-1', `serve s1 in ${dispatchId} 0-1 queue-full`]);
  });

  test('a request without a quorum, and a worker that fell out', () => {
    const spans = follow('gateway', [
      ['ticketed', { requestId }],
      ['worker-asked', { requestId, worker }],
      ['worker-fallen', { requestId, worker, cause: 'no-seal' }],
      ['failed', { requestId, cause: 'NO_QUORUM' }],
    ]);
    expect(spans.map(short)).toEqual([
      `accept s1 in ${dispatchId} 1-2`,
      `dispatch ${dispatchId} in ${rootId} 1-2 no-seal`,
      `queue s2 in ${rootId} 0-3`,
      `request ${rootId} in undefined 0-3 NO_QUORUM`,
    ]);
  });
});

test('publishing is told in the trace of each request that went out', () => {
  const other = requestId.map((byte) => byte + 100);
  const spans = follow('gateway', [
    ['batched', { batch: { sequence: 7n, requestIds: [requestId, other] } }],
    ['gossiped', { batch: { sequence: 7n } }],
    ['gossiped', { batch: { sequence: 7n } }],
  ]);
  expect(spans.map((span) => [span.traceId, short(span), span.attributes])).toEqual([
    [traceId, `publish s1 in ${rootId} 0-1`, { 'karmesh.batch.sequence': '7' }],
    [
      Buffer.from(other.subarray(0, 16)).toString('hex'),
      'publish s2 in 7475767778797a7b 0-1',
      { 'karmesh.batch.sequence': '7' },
    ],
  ]);
});

test('a duty lasts from when it first came due until it is done, in one trace of its cluster’s epoch', () => {
  const domain = new Uint8Array(32).fill(1);
  const about = { epoch: 3n, domain };
  const spans = follow('validator', [
    ['attest:due', about],
    ['attest:waiting', about],
    ['attest:due', about],
    ['attestation:bound', {}],
    ['attest:done', about],
    ['seal:due', about],
    ['seal:failed', about],
    ['seal:due', { epoch: 3n, domain: new Uint8Array(32).fill(2) }],
    ['seal:done', about],
  ]);
  expect(spans.map(short)).toEqual([
    'attest s1 in undefined 0-4',
    'seal s2 in undefined 5-6 failed',
    'seal s3 in undefined 7-8',
  ]);
  const [attest, seal, elsewhere] = spans.map((span) => span.traceId);
  expect(attest).toMatch(/^[0-9a-f]{32}$/);
  expect(seal).toBe(attest);
  expect(elsewhere).not.toBe(attest);
});

test('what nobody opened ends nothing, and of too much that is open the oldest is forgotten', () => {
  const request = (byte: number): StageAbout => ({ requestId: new Uint8Array(32).fill(byte) });
  const spans = follow('gateway', [
    ['answered', request(1)],
    ...[1, 2, 3, 4, 5].map((byte) => ['ticketed', request(byte)] as const),
    ...[1, 2, 3, 4, 5].map((byte) => ['answered', request(byte)] as const),
  ]);
  const ended = spans.filter(({ name }) => name === 'request').map((span) => span.traceId.slice(0, 2));
  expect(ended).toEqual(['02', '03', '04', '05']);
});
