import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SteadyClock, steadyClock, systemClock } from '@karmesh/sdk/clock';
import type { FrameStream } from '@karmesh/sdk/network';
import {
  type Assurance,
  type AuditAsk,
  type AuditFrame,
  answerOf,
  auditedReceipt,
  checkRecord,
  decideQuorum,
  decodeAuditFrame,
  drawAuditors,
  type Entry,
  encodeAuditFrame,
  entryHashOf,
  equalBytes,
  evidenceHashOf,
  extendUsageChain,
  type Outcome,
  outcomeRecord,
  outputHashOf,
  receiptBodyHash,
  receiptRecord,
  receiptSetTree,
  refusalRecord,
  type Seal,
  type Signed,
  sealRecord,
  sealsHashOf,
  sealValueOf,
  signRecord,
  usageRecord,
  type WorkerFrame,
} from '@karmesh/sdk/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ChallengeJob, ChallengeProver } from '../engines/challengeProver.ts';
import type { Engine } from '../engines/engine.ts';
import { llamaEngine } from '../engines/llama/llamaEngine.ts';
import { framePair } from '../fixtures/framePair.ts';
import {
  type FixtureDispatch,
  named,
  nextFrame,
  sendFrame,
  type WorkerMarket,
  workerMarket,
} from '../fixtures/workerMarket.ts';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';
import { openAuditFiles } from '../store/auditFiles.ts';
import { openReceiptLog } from '../store/receiptLog.ts';
import { auditSession } from './auditSession.ts';
import type { Pause, SessionOutcome } from './inferSession.ts';
import { type Worker, type WorkerOptions, worker } from './worker.ts';
import type { WorkerChain } from './workerChain.ts';

let engine: Engine;
let market: WorkerMarket;
let folder: string;
let open: AsyncDisposableStack;

beforeAll(async () => {
  engine = await llamaEngine({ modelPath: BUNDLED_MODEL_PATH });
  const { modelId, engineClassId } = engine.describe();
  market = workerMarket({ modelId, engineClass: engineClassId, workers: 5 });
});
afterAll(() => engine[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-worker-'));
  open = new AsyncDisposableStack();
});
afterEach(async () => {
  await open.disposeAsync();
  await rm(folder, { recursive: true });
});

interface Running {
  readonly worker: Worker;
  readonly outcomes: SessionOutcome[];
  readonly folder: string;
}

const KEYS = { modelId: named('model'), keysRoot: named('root'), keyCount: 3 };
/** One that has proven nothing yet. */
const SLOW: ChallengeProver = {
  positions: 512,
  keys: KEYS,
  answer: async () => undefined,
  dropUpTo: async () => undefined,
};

const options: WorkerOptions = {
  maxConcurrent: 2,
  maxQueue: 4,
  maxProofs: 1,
  limits: { dispatchMs: 5_000, runMs: 60_000, sealsMs: 5_000 },
};

async function start(
  place: number,
  overrides: {
    readonly chain?: Partial<WorkerChain>;
    readonly options?: Partial<WorkerOptions>;
    readonly engine?: Engine;
    readonly prover?: ChallengeProver;
    readonly areKeysAdmitted?: () => boolean;
    readonly pause?: () => Pause | undefined;
    readonly steady?: SteadyClock;
  } = {},
): Promise<Running> {
  const own = await mkdtemp(join(folder, 'data-'));
  const keypair = market.workers[place]?.keypair;
  if (keypair === undefined) throw new RangeError('no such worker');
  const outcomes: SessionOutcome[] = [];
  const made = worker({ ...options, ...overrides.options })({
    engine: overrides.engine ?? engine,
    signer: keypair,
    chain: market.chain(place, overrides.chain),
    receipts: open.use(await openReceiptLog(own)),
    audits: await openAuditFiles(own),
    prover: overrides.prover,
    areKeysAdmitted: overrides.areKeysAdmitted,
    clock: systemClock,
    steady: overrides.steady ?? steadyClock,
    random: (length) => new Uint8Array(randomBytes(length)),
    ...(overrides.pause === undefined ? {} : { pause: overrides.pause }),
    onInfer: (outcome) => outcomes.push(outcome),
  });
  return { worker: made, outcomes, folder: own };
}

/** Opens a stream to a worker as the gateway. The worker's session ends with the test. */
function connect(running: Running): { readonly stream: FrameStream; readonly served: Promise<void> } {
  const [near, far] = framePair({
    first: market.gateway.keypair.publicKey,
    second: market.gateway.keypair.publicKey,
  });
  const served = running.worker.serveInfer(far).then(() => far.close());
  served.catch(() => undefined);
  return { stream: near, served };
}

function frameOf(dispatch: FixtureDispatch) {
  const { ticket, request } = dispatch;
  return { type: 'dispatch', ticket, dispatch: dispatch.dispatch, request } as const;
}

function expectType<K extends WorkerFrame['type']>(frame: WorkerFrame, type: K): Extract<WorkerFrame, { type: K }> {
  if (frame.type !== type) throw new RangeError(`expected ${type}, got ${JSON.stringify(frame.type)}`);
  return frame as Extract<WorkerFrame, { type: K }>;
}

async function untilSealed(stream: FrameStream): Promise<Signed<Seal>> {
  expectType(await nextFrame(stream), 'accepted');
  return expectType(await nextFrame(stream), 'sealed').seal;
}

/** Runs a dispatch on its first `count` drawn workers as a gateway does. */
async function runAll(dispatch: FixtureDispatch, count = 3, overrides: Parameters<typeof start>[1] = {}) {
  const places = dispatch.drawn.slice(0, count);
  const runs = await Promise.all(
    places.map(async (place) => {
      const running = await start(place, overrides);
      const { stream, served } = connect(running);
      await sendFrame(stream, frameOf(dispatch));
      return { place, running, stream, served, seal: await untilSealed(stream) };
    }),
  );
  const seals = runs.map(({ seal }) => seal);
  return Promise.all(
    runs.map(async (run) => {
      await sendFrame(run.stream, { type: 'seals', seals });
      const reveal = expectType(await nextFrame(run.stream), 'reveal');
      await run.stream.close();
      await run.served;
      return { ...run, reveal, seals };
    }),
  );
}

describe('a dispatch', () => {
  test('W-03: three drawn workers seal, then reveal one answer with receipts that hold', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 1, slot: 99n });
    const runs = await runAll(dispatch);
    for (const { place, reveal, seal, seals } of runs) {
      const { receipt, body } = reveal.revealed;
      const own = market.workers[place];
      if (own === undefined) throw new RangeError('no such worker');
      const identity = own.keypair.publicKey;
      expect(reveal.text).toBe('The capital of Spain is Madrid.');
      expect(checkRecord(sealRecord, { domain: market.domain, identity }, seal)).toBe(true);
      expect(checkRecord(receiptRecord, { domain: market.domain, identity }, receipt)).toBe(true);
      expect(receipt.value).toEqual({
        dispatchHash: dispatch.dispatchHash,
        worker: own.address,
        epoch: 0n,
        counter: 0n,
        promptTokens: 16,
        outputTokens: reveal.tokens.length,
        outputHash: outputHashOf(market.domain, { promptTokens: 16, finishReason: 'stop', tokens: reveal.tokens }),
        bodyHash: receiptBodyHash(body),
      });
      expect(equalBytes(body.sealsHash, sealsHashOf(seals.map(({ value }) => value)))).toBe(true);
      const { requestId, traceRoot, salt } = body;
      const { outputHash } = receipt.value;
      expect(seal.value.seal).toEqual(
        sealValueOf(market.domain, { requestId, worker: own.address, outputHash, traceRoot, salt }),
      );
    }
    const answers = runs.map(({ reveal }) => answerOf(reveal.revealed));
    expect(decideQuorum(answers).kind).toBe('agreed');
    for (const { running } of runs) expect(running.outcomes.map(({ kind }) => kind)).toEqual(['revealed']);
  });

  test('W-14: in `stream`, chunks carry the answer and a signed running usage', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 2, slot: 99n, request: { assurance: 'stream' } });
    const [place] = dispatch.drawn;
    const running = await start(place ?? 0);
    const { stream } = connect(running);
    await sendFrame(stream, frameOf(dispatch));
    expectType(await nextFrame(stream), 'accepted');
    let text = '';
    const tokens: number[] = [];
    let outputChain = dispatch.ticket.value.requestId;
    for (let sequence = 0; ; sequence++) {
      const frame = await nextFrame(stream);
      if (frame.type === 'sealed') break;
      const chunk = expectType(frame, 'chunk');
      tokens.push(...chunk.tokens);
      text += chunk.text;
      outputChain = extendUsageChain(market.domain, outputChain, chunk.tokens);
      expect(chunk.usage.value).toEqual({
        dispatchHash: dispatch.dispatchHash,
        worker: market.workers[place ?? 0]?.address,
        sequence,
        promptTokens: 16,
        outputTokens: tokens.length,
        outputChain,
      });
      const identity = market.workers[place ?? 0]?.keypair.publicKey ?? new Uint8Array();
      expect(checkRecord(usageRecord, { domain: market.domain, identity }, chunk.usage)).toBe(true);
    }
    expect(text).toBe('The capital of Spain is Madrid.');
    stream.abort(new Error('seen enough'));
  });

  test('W-16: counters of an epoch go up by one, and the log and the audit record are on disk before the reveal', async () => {
    const first = market.dispatch({ dispatchNumber: 3, slot: 99n });
    const place = first.drawn[0] ?? 0;
    const running = await start(place);
    const partner = await start(first.drawn[1] ?? 0);
    const { stream } = connect(running);
    const { stream: other } = connect(partner);
    for (const each of [stream, other]) await sendFrame(each, frameOf(first));
    const seals = [await untilSealed(stream), await untilSealed(other)];
    await sendFrame(stream, { type: 'seals', seals });
    const reveal = expectType(await nextFrame(stream), 'reveal');
    const hashed = Buffer.from(receiptRecord.hash(market.domain, reveal.revealed.receipt.value)).toString('hex');
    const audits = join(running.folder, 'audits', '0');
    expect(await readdir(audits)).toEqual([hashed]);
    expect((await stat(join(audits, hashed))).mode & 0o777).toBe(0o600);
    await using again = await openReceiptLog(await copyOf(running.folder));
    expect(again.takeCounter(0n)).toBe(1n);
    expect(again.hasDispatch(first.dispatchHash)).toBe(true);
  });
});

async function copyOf(path: string): Promise<string> {
  const to = join(folder, 'copy');
  await cp(path, to, { recursive: true });
  return to;
}

describe('a refusal', () => {
  const refusal = async (dispatch: FixtureDispatch, running: Running): Promise<string> => {
    const { stream, served } = connect(running);
    await sendFrame(stream, frameOf(dispatch));
    const frame = await nextFrame(stream);
    await stream.close();
    await served;
    if (frame.type === 'failed') return frame.cause;
    const { refusal: signed } = expectType(frame, 'refused');
    expect(signed.value.dispatchHash).toEqual(dispatch.dispatchHash);
    const own = market.workers.find(({ address }) => equalBytes(address, signed.value.worker));
    const identity = own?.keypair.publicKey ?? new Uint8Array();
    expect(checkRecord(refusalRecord, { domain: market.domain, identity }, signed)).toBe(true);
    return signed.value.reason;
  };

  test.each([
    [
      'W-07: of another model',
      { dispatch: { modelId: new Uint8Array(32) }, request: { modelId: new Uint8Array(32) } },
      'model-not-loaded',
    ],
    ['W-07: of another class', { dispatch: { engineClass: new Uint8Array(32) } }, 'model-not-loaded'],
    ['W-09: of an escrow of somebody else', { ticket: { escrow: new Uint8Array(32) } }, 'bad-ticket'],
    ['W-10: of a slot that nobody has seen', { slot: 101n }, 'dispatch-too-old'],
    ['W-11: with a false preimage', { dispatch: { preimage: new Uint8Array(32) } }, 'bad-ticket'],
    ['W-12: for no token', { request: { maxTokens: 0 } }, 'bad-request'],
    ['W-12: without a message', { request: { messages: [] } }, 'bad-request'],
    [
      'W-12: over the context',
      { request: { messages: [{ role: 'user' as const, content: 'word '.repeat(600) }] } },
      'context-overflow',
    ],
  ])('%s', async (_, wish, reason) => {
    const dispatch = market.dispatch({ dispatchNumber: 10, slot: 99n, ...wish });
    expect(await refusal(dispatch, await start(market.dispatch({ dispatchNumber: 10, slot: 99n }).drawn[0] ?? 0))).toBe(
      reason,
    );
  });

  test('W-12: for a draw that the engine cannot make', async () => {
    const greedy: Engine = { ...engine, describe: () => ({ ...engine.describe(), greedyOnly: true }) };
    const dispatch = market.dispatch({ dispatchNumber: 10, slot: 99n, request: { temperatureMicro: 1 } });
    expect(await refusal(dispatch, await start(dispatch.drawn[0] ?? 0, { engine: greedy }))).toBe('bad-request');
  });

  test('W-10: nine slots old for the first three', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 10, slot: 91n });
    expect(await refusal(dispatch, await start(dispatch.drawn[2] ?? 0))).toBe('dispatch-too-old');
  });

  test('W-10: nine slots old for a spare is accepted', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 10, slot: 91n });
    expect(dispatch.drawn.length).toBeGreaterThan(3);
    const running = await start(dispatch.drawn[3] ?? 0);
    const { stream } = connect(running);
    await sendFrame(stream, frameOf(dispatch));
    expectType(await nextFrame(stream), 'accepted');
    stream.abort(new Error('The test is over.'));
  });

  test('W-09: of an escrow that cannot pay', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 10, slot: 99n });
    const running = await start(dispatch.drawn[0] ?? 0, { chain: { escrowAvailable: () => 10n } });
    expect(await refusal(dispatch, running)).toBe('bad-ticket');
  });

  test('W-09: of an escrow that can pay, as a second look shows', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 10, slot: 99n });
    let available = 10n;
    const refresh = async (): Promise<void> => {
      available = 1_000_000_000n;
    };
    const chain = { escrowAvailable: () => available, refresh };
    const running = await start(dispatch.drawn[0] ?? 0, { chain });
    const { stream } = connect(running);
    await sendFrame(stream, frameOf(dispatch));
    expectType(await nextFrame(stream), 'accepted');
    stream.abort(new Error('The test is over.'));
  });

  test('W-11: from a worker that was not drawn', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 11, slot: 99n });
    const running = await start(0, { chain: { participant: new Uint8Array(32).fill(9) } });
    const { stream } = connect(running);
    await sendFrame(stream, frameOf(dispatch));
    expect(expectType(await nextFrame(stream), 'refused').refusal.value.reason).toBe('not-drawn');
  });

  test('W-08: of a dispatch that was answered before', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 12, slot: 99n });
    const running = await start(dispatch.drawn[0] ?? 0);
    const { stream } = connect(running);
    await sendFrame(stream, frameOf(dispatch));
    await untilSealed(stream);
    expect(await refusal(dispatch, running)).toBe('bad-ticket');
    const sameNumber = market.dispatch({ dispatchNumber: 12, slot: 99n, request: { maxTokens: 7 } });
    expect(await refusal(sameNumber, running)).toBe('bad-ticket');
    stream.abort(new Error('seen enough'));
  });

  test('W-13: with a full queue, and when going down', async () => {
    const long = { maxTokens: 480, temperatureMicro: 2_000_000 };
    const dispatches = [20, 21].map((dispatchNumber) => market.dispatch({ dispatchNumber, slot: 99n, request: long }));
    const drawnByAll = dispatches[0]?.drawn.find((place) => dispatches[1]?.drawn.includes(place)) ?? 0;
    const running = await start(drawnByAll, { options: { maxConcurrent: 1, maxQueue: 0 } });
    const { stream, served } = connect(running);
    const [first, second] = dispatches;
    if (first === undefined || second === undefined) throw new RangeError('two dispatches');
    await sendFrame(stream, frameOf(first));
    expectType(await nextFrame(stream), 'accepted');
    expect(await refusal(second, running)).toBe('queue-full');
    const { stream: another } = connect(running);
    await sendFrame(another, frameOf(second));
    // Nothing was answered yet, so that a second is as good a guess as any.
    expect(expectType(await nextFrame(another), 'refused').retryAfterMs).toBe(1_000);
    const stopped = running.worker.stop({ signal: AbortSignal.abort() });
    expect(await refusal(second, running)).toBe('shutting-down');
    expect(await nextFrame(stream)).toEqual({ type: 'failed', cause: 'shutting-down' });
    await stopped;
    await served;
    expect(running.worker.load()).toMatchObject({ active: 0, waiting: 0 });
  });

  test('W-18: while its operator’s limits forbid work, with when they may no longer; what runs goes on', async () => {
    const [first, second] = [24, 25].map((dispatchNumber) => market.dispatch({ dispatchNumber, slot: 99n }));
    if (first === undefined || second === undefined) throw new RangeError('two dispatches');
    const drawnByBoth = first.drawn.find((place) => second.drawn.includes(place)) ?? 0;
    let pause: Pause | undefined;
    const running = await start(drawnByBoth, { pause: () => pause });
    const { stream } = connect(running);
    await sendFrame(stream, frameOf(first));
    expectType(await nextFrame(stream), 'accepted');
    pause = { retryAfterMs: 2 ** 33 };
    const { stream: late } = connect(running);
    await sendFrame(late, frameOf(second));
    const refused = expectType(await nextFrame(late), 'refused');
    expect([refused.refusal.value.reason, refused.retryAfterMs]).toEqual(['paused', 2 ** 32 - 1]);
    expectType(await nextFrame(stream), 'sealed');
    pause = undefined;
    const { stream: again } = connect(running);
    await sendFrame(again, frameOf(second));
    expectType(await nextFrame(again), 'accepted');
    for (const each of [stream, again]) each.abort(new Error('seen enough'));
  });

  test('W-21: for proofs that it cannot make, and for more than it may owe at once', async () => {
    const request = { assurance: 'proof' as const };
    const [first, second] = [26, 27].map((dispatchNumber) => market.dispatch({ dispatchNumber, slot: 99n, request }));
    if (first === undefined || second === undefined) throw new RangeError('two dispatches');
    const drawnByBoth = first.drawn.find((place) => second.drawn.includes(place)) ?? 0;
    expect(await refusal(first, await start(drawnByBoth))).toBe('no-proofs');
    expect(await refusal(first, await start(drawnByBoth, { prover: SLOW, options: { maxProofs: 0 } }))).toBe(
      'no-proofs',
    );
    let isAdmitted = false;
    const early = await start(drawnByBoth, { prover: SLOW, areKeysAdmitted: () => isAdmitted });
    expect(await refusal(first, early)).toBe('no-proofs');
    isAdmitted = true;
    const { stream: admitted } = connect(early);
    await sendFrame(admitted, frameOf(first));
    expectType(await nextFrame(admitted), 'accepted');
    admitted.abort(new Error('seen enough'));
    const short = { ...SLOW, positions: first.request.maxTokens };
    expect(await refusal(first, await start(drawnByBoth, { prover: short }))).toBe('context-overflow');
    const running = await start(drawnByBoth, { prover: SLOW });
    const { stream, served } = connect(running);
    await sendFrame(stream, frameOf(first));
    await untilSealed(stream);
    expect(await refusal(second, running)).toBe('queue-full');
    // An answer that never left is owed no proof.
    await sendFrame(stream, { type: 'cancel' });
    await served;
    const { stream: again } = connect(running);
    await sendFrame(again, frameOf(second));
    expectType(await nextFrame(again), 'accepted');
    again.abort(new Error('seen enough'));
  });

  test('W-21: an answer that has left keeps its place until no challenge is due', async () => {
    const request = { assurance: 'proof' as const };
    const [first, second] = [28, 29].map((dispatchNumber) => market.dispatch({ dispatchNumber, slot: 99n, request }));
    if (first === undefined || second === undefined) throw new RangeError('two dispatches');
    const runs = await runAll(first, 3, { prover: SLOW });
    const both = runs.find(({ place }) => second.drawn.includes(place));
    if (both === undefined) throw new RangeError('a worker that both drew');
    expect(await refusal(second, both.running)).toBe('queue-full');
  });

  test('W-05, W-06: what the dispatch does not cover gets no signed refusal', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 13, slot: 99n });
    const running = await start(dispatch.drawn[0] ?? 0);
    const signature = new Uint8Array(64);
    const cases: FixtureDispatch[] = [
      { ...dispatch, ticket: { ...dispatch.ticket, signature } },
      { ...dispatch, dispatch: { ...dispatch.dispatch, signature } },
      { ...dispatch, ticket: market.dispatch({ dispatchNumber: 14, slot: 99n }).ticket },
      { ...dispatch, request: { ...dispatch.request, maxTokens: 1 } },
    ];
    for (const each of cases) expect(await refusal(each, running)).toBe('protocol-violation');
    expect(running.outcomes.map((outcome) => outcome.kind === 'violation' && outcome.rule)).toEqual([
      'W-05',
      'W-05',
      'W-05',
      'W-06',
    ]);
  });
});

describe('the exchange of seals', () => {
  test('W-15: a worker does not reveal to seals that are too few, false or not in order', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 30, slot: 99n });
    const [a, b] = dispatch.drawn;
    const sealed = await Promise.all(
      [a ?? 0, b ?? 0].map(async (place) => {
        const { stream } = connect(await start(place));
        await sendFrame(stream, frameOf(dispatch));
        return untilSealed(stream);
      }),
    );
    const [seal, otherSeal] = sealed;
    if (seal === undefined || otherSeal === undefined) throw new RangeError('two seals');
    const forged = { ...otherSeal, signature: new Uint8Array(64) };
    for (const seals of [[], [otherSeal], [seal, seal], [seal, forged], [otherSeal, seal]]) {
      const running = await start(a ?? 0);
      const { stream, served } = connect(running);
      await sendFrame(stream, frameOf(dispatch));
      const own = await untilSealed(stream);
      // The salt is new in every run, so this run's own seal takes the place of the first one's.
      await sendFrame(stream, { type: 'seals', seals: seals.map((each) => (each === seal ? own : each)) });
      expect(await nextFrame(stream)).toEqual({ type: 'failed', cause: 'protocol-violation' });
      await served;
      expect(running.outcomes).toEqual([{ kind: 'violation', rule: 'W-15' }]);
    }
  });

  test('a gateway that cancels or goes away stops the run', async () => {
    const long = { maxTokens: 480, temperatureMicro: 2_000_000 };
    for (const leave of [
      (stream: FrameStream) => sendFrame(stream, { type: 'cancel' }),
      (stream: FrameStream) => stream.close(),
      (stream: FrameStream) => stream.abort(new Error('lost')),
    ]) {
      const dispatch = market.dispatch({ dispatchNumber: 31, slot: 99n, request: long });
      const running = await start(dispatch.drawn[0] ?? 0);
      const { stream, served } = connect(running);
      await sendFrame(stream, frameOf(dispatch));
      expectType(await nextFrame(stream), 'accepted');
      await leave(stream);
      await served.catch(() => undefined);
      expect(running.outcomes).toEqual([{ kind: 'cancelled' }]);
      expect(running.worker.load()).toMatchObject({ active: 0, waiting: 0 });
    }
  });

  test('a stream that a gateway opened ahead and never used is no dispatch', async () => {
    for (const leave of [
      (stream: FrameStream) => stream.close(),
      async (stream: FrameStream) => stream.abort(new Error('not needed')),
    ]) {
      const running = await start(0);
      const { stream, served } = connect(running);
      await leave(stream);
      await served;
      expect(running.outcomes).toEqual([{ kind: 'unused' }]);
    }
  });

  test('W-16: without its records on disk a receipt does not leave', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 32, slot: 99n });
    const running = await start(dispatch.drawn[0] ?? 0);
    const { stream, served } = connect(running);
    const { stream: other } = connect(await start(dispatch.drawn[1] ?? 0));
    for (const each of [stream, other]) await sendFrame(each, frameOf(dispatch));
    const seals = [await untilSealed(stream), await untilSealed(other)];
    await rm(join(running.folder, 'audits'), { recursive: true });
    await writeFile(join(running.folder, 'audits'), 'a file where the folder was');
    await sendFrame(stream, { type: 'seals', seals });
    expect(await nextFrame(stream)).toEqual({ type: 'failed', cause: 'engine-failed' });
    await served;
    expect(running.outcomes).toMatchObject([
      { kind: 'failed', cause: 'store-failed', error: { code: 'STORE_FAILED' } },
    ]);
  });

  test('W-03: an engine that takes too long is stopped', async () => {
    const long = { maxTokens: 480, temperatureMicro: 2_000_000 };
    const dispatch = market.dispatch({ dispatchNumber: 33, slot: 99n, request: long });
    const limits = { ...options.limits, runMs: 1 };
    const running = await start(dispatch.drawn[0] ?? 0, { options: { limits } });
    const { stream, served } = connect(running);
    await sendFrame(stream, frameOf(dispatch));
    expectType(await nextFrame(stream), 'accepted');
    expect(await nextFrame(stream)).toEqual({ type: 'failed', cause: 'too-slow' });
    await served;
    expect(running.outcomes).toMatchObject([{ kind: 'failed', cause: 'too-slow', error: { code: 'WORKER_TIMEOUT' } }]);
  });

  test('W-04: a frame that cannot be read ends the session', async () => {
    const running = await start(0);
    const { stream, served } = connect(running);
    await stream.send(new Uint8Array([99]));
    expect(await nextFrame(stream)).toEqual({ type: 'failed', cause: 'protocol-violation' });
    await served;
    expect(running.outcomes).toEqual([{ kind: 'violation', rule: 'W-04' }]);
  });
});

describe('W-22: a stream that is halted', () => {
  const messages = [{ role: 'user' as const, content: 'Tell me a story about a fox.' }];
  const long = { assurance: 'stream', maxTokens: 200, temperatureMicro: 0, messages } as const;
  const short = { assurance: 'stream' } as const;

  /** Reads on to a frame of this type, past chunks and a seal that crossed the halt. */
  async function until<K extends WorkerFrame['type']>(
    stream: FrameStream,
    type: K,
  ): Promise<Extract<WorkerFrame, { type: K }>> {
    for (;;) {
      const frame = await nextFrame(stream);
      if (frame.type === type) return expectType(frame, type);
      if (frame.type !== 'chunk' && frame.type !== 'sealed') throw new RangeError(frame.type);
    }
  }

  type When = 'accepted' | 'chunk' | 'sealed';

  /** Runs a dispatch on as many workers as are told when to halt, and lets them exchange their seals. */
  async function halted(
    dispatch: FixtureDispatch,
    { at, whens }: { readonly at: number; readonly whens: readonly When[] },
  ) {
    const runs = await Promise.all(
      whens.map(async (when, i) => {
        const place = dispatch.drawn[i] ?? 0;
        const running = await start(place);
        const { stream, served } = connect(running);
        await sendFrame(stream, frameOf(dispatch));
        expectType(await nextFrame(stream), 'accepted');
        if (when !== 'accepted') await until(stream, when);
        await sendFrame(stream, { type: 'halt', outputTokens: at });
        return { running, stream, served, seal: (await until(stream, 'halted')).seal };
      }),
    );
    const seals = runs.map(({ seal }) => seal);
    return Promise.all(
      runs.map(async ({ running, stream, served, seal }) => {
        await sendFrame(stream, { type: 'seals', seals });
        const reveal = expectType(await nextFrame(stream), 'reveal');
        await stream.close();
        await served;
        expect(running.outcomes.map(({ kind }) => kind)).toEqual(['revealed']);
        return { running, seal, ...reveal };
      }),
    );
  }

  async function alone(dispatch: FixtureDispatch, maxTokens: number) {
    const requestId = dispatch.ticket.value.requestId;
    return await engine.generate({ ...dispatch.request, requestId, maxTokens });
  }

  test.each([
    ['before the first token', 50, 5],
    ['between tokens', 51, 40],
    ['where it has long been', 52, 1],
  ])('%s: all seal, record and are paid for what is left of it', async (_, dispatchNumber, at) => {
    const dispatch = market.dispatch({ dispatchNumber, slot: 99n, request: long });
    const runs = await halted(dispatch, { at, whens: ['accepted', 'chunk', 'sealed'] });
    const expected = await alone(dispatch, at);
    const { domain } = market;
    for (const { running, seal, revealed, tokens, text } of runs) {
      const { receipt, body } = revealed;
      expect([tokens, text]).toEqual([expected.outputTokens, expected.text]);
      expect([receipt.value.outputTokens, body.finishReason, body.traceRoot]).toEqual([
        at,
        'halted',
        expected.traceRoot,
      ]);
      const { requestId, traceRoot, salt } = body;
      const { promptTokens } = expected;
      const outputHash = outputHashOf(domain, { promptTokens, finishReason: 'halted', tokens });
      expect(receipt.value.outputHash).toEqual(outputHash);
      expect(seal.value.seal).toEqual(
        sealValueOf(domain, { requestId, worker: receipt.value.worker, outputHash, traceRoot, salt }),
      );
      const receiptHash = receiptRecord.hash(domain, receipt.value);
      const kept = await (await openAuditFiles(running.folder)).get({ epoch: 0n, receiptHash });
      expect([kept?.tokens, kept?.salt]).toEqual([tokens, salt]);
    }
    expect(decideQuorum(runs.map(({ revealed }) => answerOf(revealed))).kind).toBe('agreed');
  });

  test.each([
    ['at its last token', 53, 0],
    ['after it', 54, 3],
  ])('%s: the answer stands as it ended by itself, for all', async (_, dispatchNumber, beyond) => {
    const dispatch = market.dispatch({ dispatchNumber, slot: 99n, request: short });
    const whole = await alone(dispatch, 64);
    const at = whole.outputTokens.length + beyond;
    const runs = await halted(dispatch, { at, whens: ['accepted', 'chunk', 'sealed'] });
    for (const { revealed, tokens } of runs)
      expect([tokens, revealed.body.finishReason, revealed.body.traceRoot]).toEqual([
        whole.outputTokens,
        'stop',
        whole.traceRoot,
      ]);
    expect(decideQuorum(runs.map(({ revealed }) => answerOf(revealed))).kind).toBe('agreed');
  });

  test('a halt that crosses the seal is answered with another seal, and the first one is worth nothing', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 55, slot: 99n, request: short });
    const running = await start(dispatch.drawn[0] ?? 0);
    const { stream, served } = connect(running);
    await sendFrame(stream, frameOf(dispatch));
    const first = (await until(stream, 'accepted').then(() => until(stream, 'sealed'))).seal;
    await sendFrame(stream, { type: 'halt', outputTokens: 2 });
    const second = (await until(stream, 'halted')).seal;
    expect(second.value.seal).not.toEqual(first.value.seal);
    const partner = { ...second, value: { ...second.value, worker: named('worker 9') } };
    await sendFrame(stream, { type: 'seals', seals: [first, partner] });
    expect(await nextFrame(stream)).toEqual({ type: 'failed', cause: 'protocol-violation' });
    await served;
    expect(running.outcomes).toEqual([{ kind: 'violation', rule: 'W-15' }]);
  });

  const outOfTurn: readonly [string, number, Partial<FixtureDispatch['request']>, readonly number[]][] = [
    ['of no token', 60, long, [0]],
    ['of more than was asked for', 61, long, [201]],
    ['twice', 62, long, [150, 150]],
    ['in another mode', 63, { ...long, assurance: 'quorum' }, [3]],
  ];
  test.each(outOfTurn)('W-22: a halt %s ends the session at once', async (_, dispatchNumber, request, halts) => {
    const dispatch = market.dispatch({ dispatchNumber, slot: 99n, request });
    const running = await start(dispatch.drawn[0] ?? 0);
    const { stream, served } = connect(running);
    await sendFrame(stream, frameOf(dispatch));
    expectType(await nextFrame(stream), 'accepted');
    for (const outputTokens of halts) await sendFrame(stream, { type: 'halt', outputTokens });
    expect(await until(stream, 'failed')).toEqual({ type: 'failed', cause: 'protocol-violation' });
    await served;
    expect(running.outcomes).toEqual([{ kind: 'violation', rule: 'W-22' }]);
    expect(running.worker.load()).toMatchObject({ active: 0, waiting: 0 });
  });

  test('W-22: a halt before the dispatch, and one after the seals, end the session', async () => {
    const unasked = await start(0);
    const early = connect(unasked);
    await sendFrame(early.stream, { type: 'halt', outputTokens: 1 });
    expect(await nextFrame(early.stream)).toEqual({ type: 'failed', cause: 'protocol-violation' });
    await early.served;

    const dispatch = market.dispatch({ dispatchNumber: 64, slot: 99n, request: short });
    const runs = await Promise.all(
      dispatch.drawn.slice(0, 2).map(async (place) => {
        const running = await start(place);
        const { stream, served } = connect(running);
        await sendFrame(stream, frameOf(dispatch));
        await until(stream, 'accepted');
        return { running, stream, served, seal: (await until(stream, 'sealed')).seal };
      }),
    );
    const [first] = runs;
    if (first === undefined) throw new RangeError('two runs');
    await sendFrame(first.stream, { type: 'seals', seals: runs.map(({ seal }) => seal) });
    await sendFrame(first.stream, { type: 'halt', outputTokens: 1 });
    expect(await nextFrame(first.stream)).toEqual({ type: 'failed', cause: 'protocol-violation' });
    await first.served;
    const violation = [{ kind: 'violation', rule: 'W-22' }];
    expect([unasked.outcomes, first.running.outcomes]).toEqual([violation, violation]);
    runs[1]?.stream.abort(new Error('seen enough'));
  });

  test('W-23: a worker does not let itself be halted at less than it had sent two seconds before', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 65, slot: 99n, request: short });
    const whole = await alone(dispatch, 64);
    const judged: string[] = [];
    for (const at of [whole.outputTokens.length - 1, whole.outputTokens.length]) {
      let skewMs = 0;
      const steady = { nowMs: () => steadyClock.nowMs() + skewMs };
      const running = await start(dispatch.drawn[0] ?? 0, { steady });
      const { stream, served } = connect(running);
      await sendFrame(stream, frameOf(dispatch));
      await until(stream, 'accepted');
      await until(stream, 'sealed');
      skewMs = 2_000;
      await sendFrame(stream, { type: 'halt', outputTokens: at });
      const frame = await nextFrame(stream);
      judged.push(frame.type);
      if (frame.type === 'halted') stream.abort(new Error('seen enough'));
      await served.catch(() => undefined);
      judged.push(...running.outcomes.map((outcome) => (outcome.kind === 'violation' ? outcome.rule : outcome.kind)));
    }
    expect(judged).toEqual(['failed', 'W-23', 'halted', 'cancelled']);
  });

  test('W-03: an engine that cannot cut its answer fails as one that cannot run', async () => {
    const broken: Engine = {
      ...engine,
      async generate(options, control) {
        const result = await engine.generate(options, control);
        return { ...result, cutTo: () => Promise.reject(new Error('The engine is gone.')) };
      },
    };
    const dispatch = market.dispatch({ dispatchNumber: 66, slot: 99n, request: short });
    const running = await start(dispatch.drawn[0] ?? 0, { engine: broken });
    const { stream, served } = connect(running);
    await sendFrame(stream, frameOf(dispatch));
    await until(stream, 'accepted');
    await until(stream, 'sealed');
    await sendFrame(stream, { type: 'halt', outputTokens: 1 });
    expect(await nextFrame(stream)).toEqual({ type: 'failed', cause: 'engine-failed' });
    await served;
    expect(running.outcomes).toMatchObject([{ kind: 'failed', cause: 'engine-failed' }]);
  });
});

describe('an audit', () => {
  const beacon = new Uint8Array(32).fill(3);

  /** An epoch whose set holds one entry: three workers' answer to a dispatch. */
  async function audited(dispatchNumber: number, assurance: Assurance = 'quorum') {
    const dispatch = market.dispatch({ dispatchNumber, slot: 99n, request: { assurance } });
    const runs = await runAll(dispatch, 3, assurance === 'proof' ? { prover: SLOW } : {});
    const { domain } = market;
    const evidence = {
      seals: runs.map(({ seal }) => ({ seal, arrivedAtMs: 2_000n })),
      receipts: runs.map(({ reveal }) => reveal.revealed),
      refusals: [],
      timeouts: [],
    };
    const verdict: Outcome['verdict'] = 'agreed';
    const outcome = signRecord(
      outcomeRecord,
      { domain, signer: market.gateway.keypair },
      {
        dispatchHash: dispatch.dispatchHash,
        verdict,
        outputHash: runs[0]?.reveal.revealed.receipt.value.outputHash ?? new Uint8Array(32),
        price: 7n,
        evidenceHash: evidenceHashOf(evidence),
        finishedAtMs: 3_000n,
      },
    );
    const entry: Entry = { ticket: dispatch.ticket, dispatch: dispatch.dispatch, evidence, outcome };
    const entryHash = entryHashOf(entry);
    const tree = receiptSetTree(domain, { epoch: 0n, entries: [{ entryHash, price: 7n }] });
    const validators = ['first', 'second', 'third'].map((name, i) => ({
      participant: named(name),
      index: 10 + i,
      stake: 1_000n,
      identity: named(`${name} identity`),
    }));
    const auditors = drawAuditors({ beacon, entryHash, validators });
    const identityAt = (attempt: number): Uint8Array =>
      validators.find(({ index }) => index === auditors[attempt]?.index)?.identity ?? new Uint8Array(32);
    const chain: Partial<WorkerChain> = {
      epoch: (epoch) =>
        epoch === 0n
          ? { receiptSetRoot: tree.root.hash, beacon, carriedRoot: new Uint8Array(32), isFinal: false }
          : undefined,
      validators: () => validators,
    };
    const ask: AuditAsk = {
      type: 'ask',
      epoch: 0n,
      validator: auditors[0]?.participant ?? new Uint8Array(32),
      attempt: 0,
      source: 'set',
      treeEpoch: 0n,
      drawnEpoch: 0n,
      drawnBeacon: beacon,
      index: 0,
      count: 1,
      setPath: tree.path(0),
      carriedPath: [],
      entry,
      verdicts: [],
    };
    const drawn = auditedReceipt({ beacon, entryHash, count: runs.length });
    return { dispatch, runs, ask, chain, identityAt, drawn };
  }

  async function answerTo(
    setting: { readonly folder: string; readonly place: number; readonly chain: Partial<WorkerChain> },
    question: { readonly asker: Uint8Array; readonly ask: AuditAsk },
    prover?: ChallengeProver,
  ): Promise<AuditFrame> {
    const [near, far] = framePair({ first: named('worker'), second: question.asker });
    const chain = market.chain(setting.place, setting.chain);
    const served = auditSession({ chain, audits: await openAuditFiles(setting.folder), prover }, far);
    await near.send(encodeAuditFrame(question.ask));
    const answer = await near.receive();
    await served;
    return decodeAuditFrame(answer ?? new Uint8Array());
  }

  test('U-12: the drawn auditor gets request, tokens and salt of the drawn receipt, which hash to what was signed', async () => {
    const { dispatch, runs, ask, chain, identityAt, drawn } = await audited(40);
    const run = runs[drawn];
    if (run === undefined) throw new RangeError('a drawn run');
    const answer = await answerTo({ ...run.running, place: run.place, chain }, { asker: identityAt(0), ask });
    const { receipt, body } = run.reveal.revealed;
    expect(answer).toEqual({
      type: 'open',
      request: dispatch.request,
      tokens: run.reveal.tokens,
      salt: body.salt,
      receiptHash: receiptRecord.hash(market.domain, receipt.value),
      challenge: new Uint8Array(),
    });
  });

  test('Z-47: a challenged token is proven in the background, and the answer goes along once it is there', async () => {
    const { dispatch, runs, ask, chain, identityAt, drawn } = await audited(47, 'proof');
    const run = runs[drawn];
    if (run === undefined) throw new RangeError('a drawn run');
    const jobs: ChallengeJob[] = [];
    const answers = [undefined, named('proofs')];
    const prover: ChallengeProver = {
      ...SLOW,
      answer: async (job) => answers[jobs.push(job) - 1],
    };
    const setting = { ...run.running, place: run.place, chain };
    const asked = () => answerTo(setting, { asker: identityAt(0), ask }, prover);
    expect(await asked()).toEqual({ type: 'refuse', reason: 'proving' });
    expect(await asked()).toMatchObject({ type: 'open', challenge: named('proofs') });
    const job: ChallengeJob = {
      epoch: 0n,
      beacon: ask.drawnBeacon,
      entryHash: entryHashOf(ask.entry),
      requestId: dispatch.ticket.value.requestId,
      request: dispatch.request,
      tokens: run.reveal.tokens,
    };
    expect(jobs).toEqual([job, job]);
    // Who proves nothing says so by an empty answer, and an answer that nobody asked to be proven has none.
    expect(await answerTo(setting, { asker: identityAt(0), ask })).toMatchObject({ challenge: new Uint8Array() });
    const plain = await audited(48);
    const other = plain.runs[plain.drawn];
    if (other === undefined) throw new RangeError('a drawn run');
    const unasked = { ...other.running, place: other.place, chain: plain.chain };
    const open = await answerTo(unasked, { asker: plain.identityAt(0), ask: plain.ask }, prover);
    expect([open, jobs.length]).toEqual([expect.objectContaining({ challenge: new Uint8Array() }), 2]);
  });

  test('U-11: nobody else gets anything', async () => {
    const { runs, ask, chain, identityAt, drawn } = await audited(41);
    const run = runs[drawn];
    const other = runs[(drawn + 1) % runs.length];
    if (run === undefined || other === undefined) throw new RangeError('two runs');
    const setting = { ...run.running, place: run.place, chain };
    const asker = identityAt(0);
    const changedBeacon = { ...chain, epoch: () => undefined };
    const empty = await mkdtemp(join(folder, 'empty-'));
    const answers = [
      await answerTo(setting, { asker: identityAt(1), ask }),
      await answerTo(setting, { asker: identityAt(1), ask: { ...ask, attempt: 1 } }),
      await answerTo(setting, { asker, ask: { ...ask, treeEpoch: 1n } }),
      await answerTo(setting, {
        asker,
        ask: { ...ask, entry: { ...ask.entry, outcome: { ...ask.entry.outcome, signature: new Uint8Array(64) } } },
      }),
      await answerTo({ ...setting, chain: changedBeacon }, { asker, ask }),
      await answerTo({ ...other.running, place: other.place, chain }, { asker, ask }),
      await answerTo({ ...setting, folder: empty }, { asker, ask }),
    ];
    expect(answers.map((answer) => (answer.type === 'refuse' ? answer.reason : answer.type))).toEqual([
      'not-drawn',
      'not-drawn',
      'unknown-epoch',
      'not-drawn',
      'unknown-epoch',
      'unknown-receipt',
      'unknown-receipt',
    ]);
  });

  test('W-17: an answer is kept until the epoch after its own is settled', async () => {
    const dispatch = market.dispatch({ dispatchNumber: 42, slot: 99n });
    const place = dispatch.drawn[0] ?? 0;
    const running = await start(place);
    const partner = await start(dispatch.drawn[1] ?? 0);
    const streams = [connect(running).stream, connect(partner).stream];
    for (const stream of streams) await sendFrame(stream, frameOf(dispatch));
    const seals = await Promise.all(streams.map(untilSealed));
    for (const stream of streams) await sendFrame(stream, { type: 'seals', seals });
    for (const stream of streams) expectType(await nextFrame(stream), 'reveal');
    const kept: number[] = [];
    for (const settled of [-1n, 0n, 1n, 2n]) {
      await running.worker.prune(settled);
      kept.push((await readdir(join(running.folder, 'audits'))).length);
    }
    expect(kept).toEqual([1, 1, 0, 0]);
  });
});
