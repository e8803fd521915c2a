import { KarmeshError } from '@karmesh/sdk/errors';
import {
  candidateGroup,
  drawSeed,
  drawWorkers,
  type Entry,
  hash,
  MAX_ANSWER_TEXT_BYTES,
  priceLamports,
  requestIdOf,
  toHex,
  u64le,
} from '@karmesh/sdk/protocol';
import type { KyselyPlugin } from 'kysely';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { MarketEvent } from '../market.ts';
import { lastDispatch, unfinishedDispatches } from '../store/dispatches.ts';
import { findEntry } from '../store/entries.ts';
import { findRequest } from '../store/requests.ts';
import { findTicket, lastTicket } from '../store/tickets.ts';
import { domain, keyHash, manifest, question, type TestMarket, testMarket } from './fixtures/testMarket.ts';
import { ANSWER, type Behaviour, type TestWorker } from './fixtures/testWorker.ts';
import { turnClock } from './fixtures/turnClock.ts';
import { hashChain } from './hashChain.ts';
import type { Scheduler } from './scheduler.ts';

let market: TestMarket;
let scheduler: Scheduler;

beforeAll(async () => {
  market = await testMarket({ workers: 8 });
  scheduler = await market.open();
}, 240_000);
afterAll(async () => {
  await scheduler[Symbol.asyncDispose]();
  await market[Symbol.asyncDispose]();
});
afterEach(() => {
  for (const worker of market.workers) worker.behaviour = { kind: 'honest' };
});

/** The workers that the next dispatch will draw, in order: the fixture's slot, secret and accounts are known to the test. */
async function nextDraw(): Promise<TestWorker[]> {
  const epoch = 0n;
  const dispatchNumber = ((await lastDispatch(market.database.db, epoch))?.value.dispatchNumber ?? 0n) + 1n;
  const preimage = hashChain({ secret: hash(u64le(epoch)), length: 300 }).preimage(dispatchNumber);
  const group = candidateGroup(
    market.chain.workers(),
    { epoch, engineClass: new Uint8Array(32).fill(0xec), modelId: question('quorum').model.modelId },
    { weightFloor: 1_000_000n, weightCap: 9_000_000n },
  );
  const seed = drawSeed({ slotHash: hash(u64le(market.state.slot)), preimage, dispatchNumber });
  return drawWorkers({ seed, candidates: group.candidates }).map(({ participant }) => market.workerOf(participant));
}

/** Makes the next dispatch's workers behave in the order of their draw. */
async function cast(...behaviours: Behaviour[]): Promise<TestWorker[]> {
  const drawn = await nextDraw();
  for (const [place, behaviour] of behaviours.entries()) {
    const worker = drawn[place];
    if (worker !== undefined) worker.behaviour = behaviour;
  }
  return drawn;
}

function doneOf(events: readonly MarketEvent[]): Extract<MarketEvent, { kind: 'done' }> {
  const last = events.at(-1);
  if (last?.kind !== 'done') throw new Error('The events do not end with done.');
  return last;
}

const textOf = (events: readonly MarketEvent[]): string =>
  events.map((event) => (event.kind === 'text' ? event.text : '')).join('');
const outcomesOf = (events: readonly MarketEvent[]) => doneOf(events).summary.workers.map(({ outcome }) => outcome);
const lastEntry = () => {
  const entry = market.entries.at(-1);
  if (entry === undefined) throw new Error('no entry');
  return entry;
};

test('quorum: three workers agree; the entry is accepted by a validator’s check and is on disk', async () => {
  const drawn = await nextDraw();
  const events = await market.collect(scheduler, question('quorum'));
  const done = doneOf(events);
  const entry = lastEntry();
  const price = priceLamports({
    unitPrice: 20_000n,
    activeParameters: manifest.activeParameters,
    promptTokens: 20,
    outputTokens: 3,
  });
  expect(textOf(events)).toBe(ANSWER.text);
  expect({
    ...done,
    summary: {
      ...done.summary,
      workers: done.summary.workers.map(({ worker, outcome, shown }) => ({ worker, outcome, shown })),
    },
  }).toEqual({
    kind: 'done',
    finishReason: 'stop',
    promptTokens: 20,
    outputTokens: 3,
    summary: {
      requestId: entry.ticket.value.requestId,
      assurance: 'quorum',
      epoch: 0n,
      dispatchNumber: 1n,
      priceLamports: price,
      lane: 5,
      tokensPaidFor: undefined,
      verdict: 'agreed',
      workers: drawn.slice(0, 3).map(({ participant }) => ({ worker: participant, outcome: 'agreed', shown: true })),
    },
  });
  expect(market.judge(entry)).toMatchObject({ verdict: 'accept', epoch: 0n });
  const { db } = market.database;
  expect(await findEntry(db, entry.ticket.value.requestId)).toEqual({ epoch: 0n, entry, batchSequence: undefined });
  const kept = await findRequest(db, entry.ticket.value.requestId);
  expect(kept?.tokens).toEqual(ANSWER.tokens);
  expect(kept && requestIdOf(domain, kept.request)).toEqual(entry.ticket.value.requestId);
  expect((await findTicket(db, entry.ticket.value.requestId))?.keyHash).toEqual(keyHash);
});

test('stream: chunks come as the first drawn says them, and agreement is told at the end', async () => {
  const events = await market.collect(scheduler, question('stream'));
  expect(events.map((event) => (event.kind === 'text' ? event.text : event.kind))).toEqual([
    'accepted',
    'Par',
    'is',
    'done',
  ]);
  expect(outcomesOf(events)).toEqual(['agreed', 'agreed', 'agreed']);
  expect(market.judge(lastEntry())).toMatchObject({ verdict: 'accept' });
});

test('whoever wants to know is told how far each worker is, up to where a time-out ends it', async () => {
  const drawn = await cast({ kind: 'honest' }, { kind: 'gone' });
  const seen: string[][] = [];
  const { signal } = new AbortController();
  for await (const event of scheduler.ask(question('quorum'), { signal, wantsProgress: true })) {
    if (event.kind !== 'workers') continue;
    expect(event.workers.map(({ worker }) => worker)).toEqual(
      drawn.slice(0, event.workers.length).map(({ participant }) => participant),
    );
    seen.push(event.workers.map(({ step }) => step));
  }
  expect(seen[0]).toEqual(['asked', 'asked', 'asked']);
  expect(seen.at(-1)).toEqual(['revealed', 'timed-out', 'revealed', 'revealed']);
  const order = ['asked', 'accepted', 'sealed', 'revealed', 'timed-out'];
  for (const [i, steps] of seen.entries()) {
    for (const [place, step] of (seen[i - 1] ?? []).entries()) {
      expect(order.indexOf(steps[place] ?? '')).toBeGreaterThanOrEqual(order.indexOf(step));
    }
  }
  expect(seen.flat()).toContain('sealed');
});

const liar: Behaviour = { kind: 'lies', tokens: [66], text: 'London' };
const quorumCases: [name: string, cast: Behaviour[], outcomes: string[]][] = [
  [
    'a refusal is recorded and the next worker is asked',
    [{ kind: 'refuses', reason: 'queue-full' }],
    ['refused', 'agreed', 'agreed', 'agreed'],
  ],
  [
    'an unreachable worker is recorded and the next is asked',
    [{ kind: 'honest' }, { kind: 'gone' }],
    ['agreed', 'timed-out', 'agreed', 'agreed'],
  ],
  [
    'a worker that never accepts does not hold the others up',
    [{ kind: 'silent', after: 'dispatch' }],
    ['timed-out', 'agreed', 'agreed'],
  ],
  [
    'a worker that never seals does not hold the others up',
    [{ kind: 'silent', after: 'accepted' }],
    ['timed-out', 'agreed', 'agreed'],
  ],
  [
    'a worker that never reveals does not undo the others',
    [{ kind: 'silent', after: 'sealed' }],
    ['timed-out', 'agreed', 'agreed'],
  ],
  [
    'a worker that reveals another answer than it sealed is no receipt',
    [{ kind: 'changes-its-mind' }],
    ['timed-out', 'agreed', 'agreed'],
  ],
  [
    'a forged refusal is a time-out',
    [{ kind: 'forges', what: 'refusal' }],
    ['timed-out', 'agreed', 'agreed', 'agreed'],
  ],
  ['a forged seal is a time-out', [{ kind: 'forges', what: 'seal' }], ['timed-out', 'agreed', 'agreed']],
  ['a forged receipt is a time-out', [{ kind: 'forges', what: 'receipt' }], ['timed-out', 'agreed', 'agreed']],
  ['garbage is a time-out', [{ kind: 'garbage' }], ['timed-out', 'agreed', 'agreed', 'agreed']],
  ['a liar dissents and earns nothing', [liar], ['dissented', 'agreed', 'agreed']],
  [
    'Q-01: a split asks the next worker',
    [liar, { kind: 'lies', tokens: [77], text: 'Rome' }],
    ['dissented', 'dissented', 'agreed', 'agreed'],
  ],
  [
    'two that fall leave one, so the next is asked',
    [
      { kind: 'silent', after: 'sealed' },
      { kind: 'silent', after: 'sealed' },
    ],
    ['timed-out', 'timed-out', 'agreed', 'agreed'],
  ],
];

test.each(quorumCases)('quorum: %s', async (_, behaviours, outcomes) => {
  await cast(...behaviours);
  const events = await market.collect(scheduler, question('quorum'));
  expect(textOf(events)).toBe(ANSWER.text);
  expect(outcomesOf(events)).toEqual(outcomes);
  expect(market.judge(lastEntry())).toMatchObject({ verdict: 'accept' });
});

test.each(quorumCases)('stream: %s', async (_, behaviours, outcomes) => {
  await cast(...behaviours);
  expect(outcomesOf(await market.collect(scheduler, question('stream')))).toEqual(outcomes);
  expect(market.judge(lastEntry())).toMatchObject({ verdict: 'accept' });
});

test('stream: the others are asked when the first drawn has begun to speak', async () => {
  const [, second, third] = await nextDraw();
  const order: string[] = [];
  for (const worker of [second, third]) void worker?.nextDispatch().then(() => order.push('asked'));
  for await (const { kind } of scheduler.ask(question('stream'), { signal: AbortSignal.timeout(10_000) }))
    order.push(kind);
  expect(order.slice(0, 2)).toEqual(['accepted', 'text']);
  expect(order.filter((each) => each === 'asked')).toHaveLength(2);
});

test('the text is one that two of the agreeing workers gave', async () => {
  await cast({ kind: 'misspells', text: 'Pariz' });
  expect(textOf(await market.collect(scheduler, question('quorum')))).toBe(ANSWER.text);
});

test('stream: when the shown worker falls silent another goes on where it stopped', async () => {
  await cast({ kind: 'silent', after: 'chunk' });
  const events = await market.collect(scheduler, question('stream'));
  expect(textOf(events)).toBe(ANSWER.text);
  expect(outcomesOf(events)).toEqual(['timed-out', 'agreed', 'agreed']);
  expect(market.judge(lastEntry())).toMatchObject({ verdict: 'accept' });
});

test('stream: a chunk whose usage is not signed is not shown', async () => {
  await cast({ kind: 'forges', what: 'usage' });
  const events = await market.collect(scheduler, question('stream'));
  expect(textOf(events)).toBe(ANSWER.text);
  expect(outcomesOf(events)).toEqual(['timed-out', 'agreed', 'agreed']);
});

test('stream: of a worker that streams more text than an answer may have no more is shown, and it falls out', async () => {
  await cast({ kind: 'shouts', tokens: 3, text: 'x'.repeat(MAX_ANSWER_TEXT_BYTES / 2) });
  const events = await market.collect(scheduler, question('stream'));
  expect(textOf(events).length).toBe(MAX_ANSWER_TEXT_BYTES);
  expect(outcomesOf(events)).toEqual(['timed-out', 'agreed', 'agreed']);
});

test.each([
  ['than the ticket was priced for', [4_000_000_000], ''],
  ['than before', [20, 21], 'Par'],
])(
  'stream: a chunk whose prompt is longer %s is not shown, and its worker falls out',
  async (_, promptTokens, shown) => {
    const drawn = await cast({ kind: 'miscounts', promptTokens });
    const events = await market.collect(scheduler, question('stream'));
    expect(textOf(events)).toBe(ANSWER.text);
    expect(outcomesOf(events)).toEqual(['timed-out', 'agreed', 'agreed']);
    const said = events.flatMap((event) =>
      event.kind === 'text' &&
      toHex(event.usage?.value.worker ?? new Uint8Array()) === toHex(drawn[0]?.participant ?? new Uint8Array())
        ? [event.text]
        : [],
    );
    expect(said.join('')).toBe(shown);
    expect(market.judge(lastEntry())).toMatchObject({ verdict: 'accept' });
  },
);

const failing: [name: string, all: Behaviour, code: string][] = [
  ['nobody can be reached', { kind: 'gone' }, 'NO_WORKERS'],
  ['everybody is full', { kind: 'refuses', reason: 'queue-full' }, 'QUEUE_FULL'],
  ['everybody rests', { kind: 'refuses', reason: 'paused' }, 'NO_WORKERS'],
  ['the prompt is too long for all', { kind: 'refuses', reason: 'context-overflow' }, 'CONTEXT_OVERFLOW'],
  ['the messages suit no model', { kind: 'refuses', reason: 'bad-request' }, 'REQUEST_REFUSED'],
  ['nobody proves', { kind: 'refuses', reason: 'no-proofs' }, 'NO_PROOFS'],
  ['nobody accepts', { kind: 'silent', after: 'dispatch' }, 'WORKER_TIMEOUT'],
];

test.each(failing)('%s: a clear error, an entry that says so, and no price', async (_, behaviour, code) => {
  for (const worker of market.workers) worker.behaviour = behaviour;
  await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({ code });
  const entry = lastEntry();
  expect([entry.outcome.value.verdict, entry.outcome.value.price]).toEqual(['none', 0n]);
  expect(market.judge(entry)).toMatchObject({ verdict: 'accept' });
});

test.each(['queue-full', 'paused'] as const)(
  '%s: says when two of the workers should take work again',
  async (reason) => {
    for (const [index, worker] of market.workers.entries())
      worker.behaviour = { kind: 'refuses', reason, retryAfterMs: 8_000 - 1_000 * index };
    await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({
      facts: { retryAfterMs: 2_000 },
    });
  },
);

test('one that seals alone while the others are full was not too slow', async () => {
  const [first] = await nextDraw();
  for (const worker of market.workers) worker.behaviour = { kind: 'refuses', reason: 'queue-full' };
  if (first !== undefined) first.behaviour = { kind: 'honest' };
  await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
});

test('who is silent three times in a row is told of and still asked, until it answers', async () => {
  // A refusal is an answer too, so that nothing is left of what earlier tests did.
  for (const worker of market.workers) worker.behaviour = { kind: 'refuses', reason: 'paused' };
  await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({ code: 'NO_WORKERS' });
  for (const worker of market.workers) worker.behaviour = { kind: 'honest' };
  const [silent] = await nextDraw();
  if (silent === undefined) throw new Error('nobody is drawn');
  const before = market.said.length;
  const said = (): readonly string[] => market.said.slice(before).filter((line) => line.includes('silent'));
  const settle = async (): Promise<void> => {
    await market.collect(scheduler, question('quorum'));
    expect(market.judge(lastEntry())).toMatchObject({ verdict: 'accept' });
  };
  silent.behaviour = { kind: 'gone' };
  while (said().length === 0) await settle();
  // Every entry names whom its draw names: nobody is skipped, however long it has been silent.
  const timeouts = market.entries.flatMap(({ evidence }) => evidence.timeouts.map(({ value }) => value));
  expect(timeouts.slice(-3).map(({ cause, worker }) => [cause, worker])).toEqual(
    Array.from({ length: 3 }, () => ['unreachable', silent.participant]),
  );
  silent.behaviour = { kind: 'honest' };
  while (said().length === 1) await settle();
  expect(said()).toEqual([
    'A worker was silent three times in a row; until it answers it is asked only briefly.',
    'A worker that was silent answers again.',
  ]);
});

test('when nobody answers, the silence is this gateway’s, and everybody keeps the usual time', async () => {
  const before = market.said.length;
  for (const worker of market.workers) worker.behaviour = { kind: 'gone' };
  for (const _ of [1, 2, 3, 4]) {
    await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({ code: 'NO_WORKERS' });
  }
  expect(market.said.slice(before)).toEqual([]);
});

test('no two workers agree: NO_QUORUM after all eight were asked', async () => {
  for (const [index, worker] of market.workers.entries())
    worker.behaviour = { kind: 'lies', tokens: [100 + index], text: `${index}` };
  await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({ code: 'NO_QUORUM' });
  expect(lastEntry().evidence.receipts).toHaveLength(8);
  expect(market.judge(lastEntry())).toMatchObject({ verdict: 'accept' });
});

test('a seal that lay in the socket while the gateway was held up counts, though two others had sealed long before', async () => {
  await using fresh = await testMarket({ workers: 3 });
  const stragglerMs = 70_000;
  const sealing = Promise.withResolvers<void>();
  const clock = turnClock();
  let heldUpMs = 0;
  await using opened = await fresh.open(
    { limits: { openMs: 300, acceptMs: 300, sealMs: 5_000, revealMs: 300, stragglerMs } },
    {
      clock: {
        nowMs: () => clock.nowMs() + heldUpMs,
        alarm: (ms, ring) =>
          ms < stragglerMs
            ? clock.alarm(ms, ring)
            : clock.alarm(1, () => {
                heldUpMs = 2 * ms;
                ring();
                sealing.resolve();
              }),
      },
    },
  );
  const [late] = fresh.workers;
  if (late === undefined) throw new Error('There is no worker.');
  late.behaviour = { kind: 'late', until: sealing.promise };
  const events = await fresh.collect(opened, question('quorum'));
  expect(outcomesOf(events)).toEqual(['agreed', 'agreed', 'agreed']);
});

test('one worker that seals alone reveals to nobody', async () => {
  const drawn = await nextDraw();
  for (const worker of market.workers) worker.behaviour = { kind: 'gone' };
  const first = drawn[0];
  if (first !== undefined) first.behaviour = { kind: 'honest' };
  await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({ code: 'WORKER_TIMEOUT' });
  const entry = lastEntry();
  expect(entry.evidence.timeouts.map(({ value }) => value.cause)).toEqual([
    'no-partner',
    ...Array.from({ length: 7 }, () => 'unreachable'),
  ]);
  expect(market.judge(entry)).toMatchObject({ verdict: 'accept' });
});

/** Asks for a stream and leaves at the text that is given, or at its first; what was said until then. */
async function leaveAt(text: string, { reason = new Error('The client has left.') } = {}): Promise<MarketEvent[]> {
  const controller = new AbortController();
  const events: MarketEvent[] = [];
  const listen = async (): Promise<void> => {
    for await (const event of scheduler.ask(question('stream'), { signal: controller.signal })) {
      events.push(event);
      if (event.kind === 'text' && textOf(events) === text) setImmediate(() => controller.abort(reason));
    }
  };
  await expect(listen()).rejects.toBeDefined();
  expect(events.map(({ kind }) => kind)).not.toContain('done');
  return events;
}

/** Who revealed how many tokens of an entry, and how they ended, in the order of the draw. */
const revealedIn = (entry: Entry): readonly (readonly [number, string])[] =>
  entry.evidence.receipts.map(({ receipt, body }) => [receipt.value.outputTokens, body.finishReason]);

const priceOf = (outputTokens: number): bigint =>
  priceLamports({
    unitPrice: 20_000n,
    activeParameters: manifest.activeParameters,
    promptTokens: ANSWER.promptTokens,
    outputTokens,
  });

test.each(['quorum', 'stream'] as const)(
  '%s: a client that leaves before anybody said or sealed anything cancels the workers, and the entry owes nothing',
  async (assurance) => {
    const drawn = await cast(
      { kind: 'silent', after: 'accepted' },
      { kind: 'silent', after: 'accepted' },
      { kind: 'silent', after: 'accepted' },
    );
    const controller = new AbortController();
    const asked = market.collect(scheduler, question(assurance), controller.signal);
    const failed = expect(asked).rejects.toMatchObject({ code: 'ABORTED' });
    controller.abort(new KarmeshError('ABORTED', 'The client closed the connection.'));
    await failed;
    expect(lastEntry().outcome.value.verdict).toBe('none');
    expect(market.judge(lastEntry())).toMatchObject({ verdict: 'accept' });
    expect(drawn).toHaveLength(8);
  },
);

test('quorum: an answer that was sealed is brought to its end and paid for, whoever has left', async () => {
  const drawn = await cast({ kind: 'honest' }, { kind: 'honest' }, { kind: 'silent', after: 'accepted' });
  const controller = new AbortController();
  const steps: string[] = [];
  const listen = async (): Promise<void> => {
    const options = { signal: controller.signal, wantsProgress: true };
    for await (const event of scheduler.ask(question('quorum'), options)) {
      if (event.kind !== 'workers') continue;
      steps.splice(0, steps.length, ...event.workers.map(({ step }) => step));
      if (steps.includes('sealed')) controller.abort();
    }
  };
  await expect(listen()).rejects.toMatchObject({ code: 'ABORTED' });
  expect(revealedIn(lastEntry())).toEqual([
    [3, 'stop'],
    [3, 'stop'],
  ]);
  expect(lastEntry().outcome.value.price).toBe(priceOf(3));
  expect(drawn).toHaveLength(8);
});

const halting: readonly [string, Behaviour[], string, readonly (readonly [number, string])[]][] = [
  [
    'W-22: all are halted where the first of them is',
    [
      { kind: 'pauses', pieces: 1 },
      { kind: 'pauses', pieces: 1 },
      { kind: 'pauses', pieces: 1 },
    ],
    'Par',
    [
      [2, 'halted'],
      [2, 'halted'],
      [2, 'halted'],
    ],
  ],
  [
    'W-22: who is behind computes on to there',
    [
      { kind: 'pauses', pieces: 1 },
      { kind: 'pauses', pieces: 0 },
      { kind: 'pauses', pieces: 0 },
    ],
    'Par',
    [
      [2, 'halted'],
      [2, 'halted'],
      [2, 'halted'],
    ],
  ],
  [
    'W-22: an answer that ended by itself there is whole, and so is that of the others',
    [{ kind: 'pauses', pieces: 2 }, { kind: 'honest' }, { kind: 'pauses', pieces: 1 }],
    'Paris',
    [
      [3, 'stop'],
      [3, 'stop'],
      [3, 'stop'],
    ],
  ],
  [
    'W-22: none is cut short of what it has sent, though another one is shown',
    [{ kind: 'lies', tokens: [66], text: 'London' }, { kind: 'honest' }, { kind: 'pauses', pieces: 2 }],
    'London',
    [
      [1, 'stop'],
      [3, 'stop'],
      [3, 'stop'],
    ],
  ],
];

test.each(halting)('%s, and paid for as that', async (_, behaviours, text, revealed) => {
  await cast(...behaviours);
  const before = market.entries.length;
  await leaveAt(text);
  expect(market.entries).toHaveLength(before + 1);
  const entry = lastEntry();
  expect(revealedIn(entry)).toEqual(revealed);
  expect(entry.outcome.value).toMatchObject({ verdict: 'agreed', price: priceOf(revealed.at(-1)?.[0] ?? 0) });
  expect(market.judge(entry)).toMatchObject({ verdict: 'accept' });
  const kept = await findRequest(market.database.db, entry.ticket.value.requestId);
  expect(kept?.tokens).toEqual(ANSWER.tokens.slice(0, revealed.at(-1)?.[0]));
});

test('W-22: a time limit halts a stream as a client does that leaves', async () => {
  await cast({ kind: 'pauses', pieces: 1 }, { kind: 'pauses', pieces: 1 }, { kind: 'pauses', pieces: 1 });
  await leaveAt('Par', { reason: new KarmeshError('WORKER_TIMEOUT', 'The answer took too long.') });
  expect(revealedIn(lastEntry()).at(0)).toEqual([2, 'halted']);
  expect(lastEntry().outcome.value.price).toBe(priceOf(2));
});

test('W-22: hanging up before a second worker has accepted dodges no cost: others are asked until two agree', async () => {
  for (const worker of market.workers) worker.behaviour = { kind: 'pauses', pieces: 0 };
  const [, , third] = await cast(
    { kind: 'pauses', pieces: 1 },
    { kind: 'refuses', reason: 'queue-full' },
    { kind: 'silent', after: 'dispatch' },
    { kind: 'gone' },
  );
  await leaveAt('Par');
  const entry = lastEntry();
  expect(revealedIn(entry)).toEqual([
    [2, 'halted'],
    [2, 'halted'],
  ]);
  expect(entry.evidence.timeouts.map(({ value }) => value.worker)).toContainEqual(third?.participant);
  expect(entry.outcome.value).toMatchObject({ verdict: 'agreed', price: priceOf(2) });
  expect(market.judge(entry)).toMatchObject({ verdict: 'accept' });
});

test.each([
  ['further than it was told', 3],
  ['short of it', 1],
])('W-22: who ends %s has revealed another answer than it was to seal', async (_, at) => {
  await cast({ kind: 'pauses', pieces: 1 }, { kind: 'pauses', pieces: 1 }, { kind: 'pauses', pieces: 1, at });
  await leaveAt('Par');
  const entry = lastEntry();
  expect([entry.evidence.receipts.length, entry.evidence.timeouts.map(({ value }) => value.cause)]).toEqual([
    2,
    ['bad-reveal'],
  ]);
  expect(market.judge(entry)).toMatchObject({ verdict: 'accept' });
});

test('W-22: who streams other tokens than it reveals has no receipt, though it was halted', async () => {
  const flood: Behaviour = { kind: 'floods', tokens: [7, 7, 7, 7, 7, 7] };
  await cast({ kind: 'pauses', pieces: 1 }, { kind: 'pauses', pieces: 1 }, flood);
  await leaveAt('Par');
  const { evidence, outcome } = lastEntry();
  expect([evidence.receipts.length, evidence.timeouts.map(({ value }) => value.cause)]).toEqual([2, ['bad-reveal']]);
  expect(outcome.value.verdict).toBe('agreed');
});

test('W-22: who says that it was halted, and was not, has no receipt', async () => {
  for (const assurance of ['stream', 'quorum'] as const) {
    const draw = await nextDraw();
    for (const [place, worker] of draw.entries())
      worker.behaviour = place === 2 ? { kind: 'halts-itself', at: 2 } : { kind: 'honest' };
    expect(outcomesOf(await market.collect(scheduler, question(assurance)))).toEqual(['agreed', 'agreed', 'timed-out']);
    expect(lastEntry().evidence.timeouts.map(({ value }) => value.cause)).toEqual(['bad-reveal']);
  }
});

test('text says how many output tokens there are with it, and what its worker signed for them', async () => {
  const drawn = await cast({ kind: 'silent', after: 'chunk' });
  const events = await market.collect(scheduler, question('stream'));
  const told = events.flatMap((event) =>
    event.kind === 'text' ? [[event.text, event.outputTokens, event.usage?.value.outputTokens]] : [],
  );
  expect(told).toEqual([
    ['Par', 2, 2],
    ['is', 3, 3],
  ]);
  const signers = events.flatMap((event) => (event.kind === 'text' ? [event.usage?.value.worker] : []));
  expect(signers[0]).toEqual(drawn[0]?.participant);
  expect(drawn.slice(1, 3).map(({ participant }) => participant)).toContainEqual(signers[1]);
  const whole = await market.collect(scheduler, question('quorum'));
  expect(whole.find(({ kind }) => kind === 'text')).toEqual({
    kind: 'text',
    text: ANSWER.text,
    outputTokens: 3,
    usage: undefined,
  });
});

test('numbers are consecutive for tickets and dispatches, whatever became of the requests', async () => {
  const dispatched = market.entries.map((entry) => entry.dispatch.value.dispatchNumber);
  expect(dispatched).toEqual(dispatched.map((_, index) => BigInt(index + 1)));
  expect((await lastTicket(market.database.db))?.value.ticketNumber).toBe(BigInt(dispatched.length));
});

test('requests at once take different numbers, and one too many is refused', async () => {
  const before = market.entries.length;
  const asked = await Promise.allSettled(
    Array.from({ length: 5 }, () => market.collect(scheduler, question('quorum'))),
  );
  expect(asked.map(({ status }) => status).sort()).toEqual([
    'fulfilled',
    'fulfilled',
    'fulfilled',
    'fulfilled',
    'rejected',
  ]);
  expect(asked.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'QUEUE_FULL' } });
  const numbers = market.entries.slice(before).map((entry) => entry.dispatch.value.dispatchNumber);
  expect(new Set(numbers).size).toBe(4);
  expect([scheduler.running, scheduler.waiting]).toEqual([0, 0]);
});

test('an escrow that cannot pay for the worst case refuses before anything is numbered', async () => {
  const last = await lastTicket(market.database.db);
  const { balance } = market.state;
  market.state.balance = 10n;
  await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({ code: 'ESCROW_SHORT' });
  market.state.balance = balance;
  expect(await lastTicket(market.database.db)).toEqual(last);
});

test('an epoch without a committed chain takes no request', async () => {
  const { slot } = market.state;
  market.state.slot = 100n + 2n * 150n;
  await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({
    code: 'NO_WORKERS',
    facts: { epoch: 2n },
  });
  market.state.slot = slot - 1n;
  await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({
    code: 'NO_WORKERS',
    facts: { slot: 104n, lastSlot: 105n },
  });
  market.state.slot = slot;
});

test('W-10: a dispatch names the slot that the chain has once all that an epoch’s first one needs was read', async () => {
  await using fresh = await testMarket({ workers: 4 });
  const { slot } = fresh.state;
  await using late = await fresh.open(
    {},
    {
      chain: {
        ...fresh.chain,
        // Ten slots go by between two looks.
        async catchUp() {
          fresh.state.slot += 10n;
        },
      },
    },
  );
  const slotOf = async () => {
    await fresh.collect(late, question('quorum'));
    return fresh.entries.at(-1)?.dispatch.value.slot;
  };
  // One look that finds out whether it could be, and two: before the candidates are stored, and after.
  expect(await slotOf()).toBe(slot + 30n);
  expect(await slotOf()).toBe(slot + 50n);
});

test('the next epoch counts from 1 again', async () => {
  const { slot } = market.state;
  market.state.slot = 100n + 150n;
  const events = await market.collect(scheduler, question('quorum'));
  expect(doneOf(events).summary).toMatchObject({ epoch: 1n, dispatchNumber: 1n });
  expect(market.judge(lastEntry())).toMatchObject({ verdict: 'accept', epoch: 1n });
  market.state.slot = slot;
});

test('a dispatch that is stored though the answer to its INSERT is lost gets its entry, and the next request its number after it', async () => {
  await using fresh = await testMarket({ workers: 4 });
  const { db } = fresh.database;
  const inserts: unknown[] = [];
  /** Loses what the database answers to the first INSERT of a dispatch. */
  const losing: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      if (node.kind === 'InsertQueryNode' && JSON.stringify(node.into).includes('"dispatches"')) inserts.push(queryId);
      return node;
    },
    async transformResult({ queryId, result }) {
      if (queryId === inserts[0]) throw new KarmeshError('STORE_UNREACHABLE', 'The database does not answer.');
      return result;
    },
  };
  await using opened = await fresh.open({}, { db: { ...db, sql: db.sql.withPlugin(losing) } });
  await expect(fresh.collect(opened, question('quorum'))).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  expect(await unfinishedDispatches(db)).toHaveLength(1);
  const events = await fresh.collect(opened, question('quorum'));
  expect(doneOf(events).summary.dispatchNumber).toBe(2n);
  while ((await unfinishedDispatches(db)).length > 0) await new Promise((resolve) => setImmediate(resolve));
  while (fresh.entries.length < 2) await new Promise((resolve) => setImmediate(resolve));
  const closed = fresh.entries.find((entry) => entry.dispatch.value.dispatchNumber === 1n);
  if (closed === undefined) throw new Error('It has no entry.');
  expect(closed.outcome.value).toMatchObject({ verdict: 'none', price: 0n });
  expect(fresh.judge(closed)).toMatchObject({ verdict: 'accept' });
  expect([opened.running, opened.waiting, inserts.length]).toEqual([0, 0, 2]);
});

test('a process that ends in mid-request leaves a dispatch to the next, which closes it and goes on with the next number', async () => {
  const { db } = market.database;
  // The first process: its dispatch is on disk, its end never comes, because the database is closed to it from there on.
  const drawn = await cast(
    { kind: 'silent', after: 'accepted' },
    { kind: 'silent', after: 'accepted' },
    { kind: 'silent', after: 'accepted' },
  );
  const next = ((await lastDispatch(db, 0n))?.value.dispatchNumber ?? 0n) + 1n;
  const dispatched = drawn[0]?.nextDispatch();
  const controller = new AbortController();
  const first = market.collect(scheduler, question('quorum'), controller.signal).catch(() => undefined);
  await dispatched;
  expect(await unfinishedDispatches(db)).toHaveLength(1);

  await using second = await market.open();
  const recovered = lastEntry();
  expect(recovered.dispatch.value.dispatchNumber).toBe(next);
  expect(recovered.evidence.timeouts.map(({ value }) => value.worker)).toEqual(
    drawn.slice(0, 3).map(({ participant }) => participant),
  );
  expect(market.judge(recovered)).toMatchObject({ verdict: 'accept' });
  expect(await unfinishedDispatches(db)).toEqual([]);

  for (const worker of market.workers) worker.behaviour = { kind: 'honest' };
  const events = await market.collect(second, question('quorum'));
  expect(doneOf(events).summary.dispatchNumber).toBe(next + 1n);
  controller.abort();
  await first;
});
