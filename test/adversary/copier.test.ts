import type { FrameStream } from '@karmesh/sdk/network';
import {
  decodeInferFrame,
  dispatchRecord,
  type Entry,
  encodeInferFrame,
  type InferFrame,
  receiptRecord,
  type Seal,
  type Signed,
  sealRecord,
  sealsHashOf,
  sealValueOf,
  signRecord,
  type WorkerFrame,
} from '@karmesh/sdk/protocol';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { checkSeals } from '../../node/src/worker/checkSeals.ts';
import { type EntryPlan, Market, signerOf } from '../../sdk/src/protocol/fixtures/market.ts';
import { domain } from '../../web/gateway/scheduler/fixtures/testMarket.ts';
import { ANSWER, type TestWorker } from '../../web/gateway/scheduler/fixtures/testWorker.ts';
import { type GatewayAtWork, gatewayAtWork } from './gatewayAtWork.ts';
import { type ValidatorAtWork, validatorAtWork } from './validatorAtWork.ts';

// A worker that runs no model and wants to be paid for what the others found.

const market = new Market();
let gateway: GatewayAtWork;
let validator: ValidatorAtWork;
let honest: ReadonlyMap<TestWorker, TestWorker['serve']>;
beforeAll(async () => {
  gateway = await gatewayAtWork();
  validator = await validatorAtWork(market);
  honest = new Map(gateway.market.workers.map((worker) => [worker, worker.serve]));
});
afterAll(async () => {
  await validator[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});
afterEach(() => {
  for (const [worker, serve] of honest) {
    worker.serve = serve;
    worker.behaviour = { kind: 'honest' };
  }
});

async function next<K extends InferFrame['type']>(
  stream: FrameStream,
  type: K,
): Promise<Extract<InferFrame, { type: K }>> {
  const bytes = await stream.receive();
  const frame = bytes === undefined ? undefined : decodeInferFrame(bytes);
  if (frame?.type !== type) throw new RangeError(`The gateway sent ${frame?.type ?? 'nothing'} in place of ${type}.`);
  return frame as Extract<InferFrame, { type: K }>;
}

/** Makes a worker do something of its own; the stream ends with it, as with every worker. */
function replace(worker: TestWorker, converse: (stream: FrameStream) => Promise<void>): void {
  worker.serve = async (stream) => {
    try {
      await converse(stream);
      await stream.close();
    } catch {
      // The gateway has cancelled, or is gone.
    }
  };
}

/** An accomplice that answers honestly and hands each of its frames to the copier. */
function accomplice(worker: TestWorker): {
  told<K extends WorkerFrame['type']>(type: K): Promise<Extract<WorkerFrame, { type: K }>>;
} {
  const serve = worker.serve;
  const frames = new Map<string, PromiseWithResolvers<InferFrame>>();
  const slot = (type: string): PromiseWithResolvers<InferFrame> => {
    const made = frames.get(type) ?? Promise.withResolvers<InferFrame>();
    frames.set(type, made);
    return made;
  };
  worker.serve = (stream) =>
    serve({
      ...stream,
      send: async (bytes, options) => {
        const frame = decodeInferFrame(bytes);
        slot(frame.type).resolve(frame);
        await stream.send(bytes, options);
      },
    });
  return { told: async (type) => (await slot(type).promise) as never };
}

const send = (stream: FrameStream, frame: WorkerFrame): Promise<void> => stream.send(encodeInferFrame(frame));

test('W-03: a copier that waits for the others’ answers before it seals is told nothing and times out', async () => {
  const [copier] = await gateway.nextDraw();
  if (copier === undefined) throw new RangeError('Somebody is drawn.');
  const heard: string[] = [];
  replace(copier, async (stream) => {
    await next(stream, 'dispatch');
    await send(stream, { type: 'accepted' });
    for (let bytes = await stream.receive(); bytes !== undefined; bytes = await stream.receive()) {
      heard.push(decodeInferFrame(bytes).type);
    }
  });
  const asked = await gateway.ask();
  expect(heard).toEqual(['cancel']);
  expect(asked.text).toBe(ANSWER.text);
  expect(asked.outcomes).toEqual(['timed-out', 'agreed', 'agreed']);
  expect(causesOf(asked.entry)).toEqual(['no-seal']);
});

test('E-18: a copier that hands on an accomplice’s signed seal has not sealed', async () => {
  const [friend, copier] = await gateway.nextDraw();
  if (friend === undefined || copier === undefined) throw new RangeError('Three are drawn.');
  const { told } = accomplice(friend);
  replace(copier, async (stream) => {
    await next(stream, 'dispatch');
    await send(stream, { type: 'accepted' });
    await send(stream, await told('sealed'));
    await next(stream, 'seals');
  });
  const asked = await gateway.ask();
  expect(asked.outcomes).toEqual(['agreed', 'timed-out', 'agreed']);
  expect(causesOf(asked.entry)).toEqual(['no-seal']);
});

test('F-15, E-20: a copier that signs an accomplice’s seal value and later its revealed answer is not paid', async () => {
  const [friend, copier] = await gateway.nextDraw();
  if (friend === undefined || copier === undefined) throw new RangeError('Three are drawn.');
  const { told } = accomplice(friend);
  const signing = { domain, signer: copier.keypair };
  replace(copier, async (stream) => {
    const { dispatch } = await next(stream, 'dispatch');
    await send(stream, { type: 'accepted' });
    const { seal } = await told('sealed');
    const copied = { ...seal.value, worker: copier.participant };
    await send(stream, { type: 'sealed', seal: signRecord(sealRecord, signing, copied) });
    await next(stream, 'seals');
    const reveal = await told('reveal');
    const receipt = signRecord(receiptRecord, signing, {
      ...reveal.revealed.receipt.value,
      dispatchHash: dispatchRecord.hash(domain, dispatch.value),
      worker: copier.participant,
    });
    await send(stream, { ...reveal, revealed: { ...reveal.revealed, receipt } });
  });
  const asked = await gateway.ask();
  expect(asked.outcomes).toEqual(['agreed', 'timed-out', 'agreed']);
  expect(causesOf(asked.entry)).toEqual(['bad-reveal']);
  expect(gateway.market.judge(asked.entry)).toMatchObject({ verdict: 'accept' });
});

test('E-20: a copier that seals garbage and reveals what it heard is not paid', async () => {
  const [copier] = await gateway.nextDraw();
  if (copier === undefined) throw new RangeError('Somebody is drawn.');
  copier.behaviour = { kind: 'changes-its-mind' };
  const asked = await gateway.ask();
  expect(asked.outcomes).toEqual(['timed-out', 'agreed', 'agreed']);
  expect(causesOf(asked.entry)).toEqual(['bad-reveal']);
});

function causesOf(entry: Entry): readonly string[] {
  return entry.evidence.timeouts.map(({ value }) => value.cause);
}

// The same with a gateway that helps: it puts what it should have refused into an entry. Every validator refuses that.

const byValidators: readonly (readonly [what: string, plan: EntryPlan])[] = [
  [
    'its seal was garbage',
    { seal: (value, place) => (place === 1 ? { ...value, seal: new Uint8Array(32).fill(9) } : value) },
  ],
  [
    'its seal is the first worker’s, signed by itself',
    {
      evidence: (evidence) => {
        const [first] = evidence.seals;
        if (first === undefined) throw new RangeError('Three have sealed.');
        const signing = { domain: market.domain, signer: market.workerAt({}, 1) };
        const { seal } = first.seal.value;
        const seals = evidence.seals.map((arrived, place) =>
          place === 1
            ? { ...arrived, seal: signRecord(sealRecord, signing, { ...arrived.seal.value, seal }) }
            : arrived,
        );
        return { ...evidence, seals };
      },
    },
  ],
  ['it never sealed', { evidence: (evidence) => ({ ...evidence, seals: evidence.seals.toSpliced(1, 1) }) }],
  [
    'it saw a seal that was made after it had revealed',
    { body: (value, place) => (place === 1 ? { ...value, sealsHash: sealsHashOf([]) } : value) },
  ],
  [
    'its receipt opens its seal with another salt',
    { body: (value, place) => (place === 1 ? { ...value, salt: new Uint8Array(24).fill(3) } : value) },
  ],
];

test.each(byValidators)('E-20: a receipt is refused though its gateway keeps it, because %s', async (_, plan) => {
  expect(await validator.take(market.entry(plan))).toBe('reject E-20');
});

test('E-20: a receipt over its own seal alone shows that its worker revealed to whoever would copy', async () => {
  const [first] = market.entry().evidence.seals;
  if (first === undefined) throw new RangeError('Three have sealed.');
  const body: EntryPlan['body'] = (value, place) =>
    place === 0 ? { ...value, sealsHash: sealsHashOf([first.seal.value]) } : value;
  expect(await validator.take(market.entry({ body }))).toBe('reject E-20');
});

test('W-15: a worker reveals to nobody who shows it less than two drawn workers’ seals, its own among them', () => {
  const drawn = market.drawn({});
  const [me, other, third] = drawn;
  if (me === undefined || other === undefined || third === undefined) throw new RangeError('Three are drawn.');
  const { dispatchHash } = market.entry().outcome.value;
  const sealOf = (place: number, changes: Partial<Seal> = {}, signer = market.workerAt({}, place)): Signed<Seal> => {
    const worker = drawn[place]?.participant ?? me.participant;
    const outputHash = new Uint8Array(32).fill(1);
    const parts = { requestId: outputHash, worker, outputHash, traceRoot: outputHash, salt: new Uint8Array(24) };
    const value: Seal = { dispatchHash, worker, seal: sealValueOf(market.domain, parts), sealedAtMs: 1n, ...changes };
    return signRecord(sealRecord, { domain: market.domain, signer }, value);
  };
  const own = sealOf(0);
  const shows = (...seals: readonly Signed<Seal>[]): boolean =>
    checkSeals(
      { domain: market.domain, participant: me.participant },
      { dispatch: { dispatchHash, drawn }, own: sealRecord.hash(market.domain, own.value), seals },
    );
  expect(shows(own, sealOf(1))).toBe(true);
  expect({
    none: shows(),
    'only its own': shows(own),
    'its own twice': shows(own, own),
    'two others': shows(sealOf(1), sealOf(2)),
    'another seal in its name': shows(sealOf(0, { sealedAtMs: 2n }), sealOf(1)),
    'a seal that a stranger signed': shows(own, sealOf(1, {}, signerOf('a stranger'))),
    'a seal that the gateway signed': shows(own, sealOf(1, {}, signerOf('gateway'))),
    'a seal of another dispatch': shows(own, sealOf(1, { dispatchHash: new Uint8Array(32) })),
    'a seal of somebody not drawn': shows(own, sealOf(1, { worker: new Uint8Array(32).fill(7) })),
    'seals out of order': shows(sealOf(1), own),
  }).toEqual({
    none: false,
    'only its own': false,
    'its own twice': false,
    'two others': false,
    'another seal in its name': false,
    'a seal that a stranger signed': false,
    'a seal that the gateway signed': false,
    'a seal of another dispatch': false,
    'a seal of somebody not drawn': false,
    'seals out of order': false,
  });
});
