import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterPreset } from '@karmesh/sdk/clusters';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { FrameStream } from '@karmesh/sdk/network';
import {
  type AuditFrame,
  type AuditOpen,
  type ChallengeVerdict,
  decodeAuditFrame,
  encodeAuditFrame,
  equalBytes,
  hash,
  hashOf,
  type Measurements,
  measurementsCodec,
  plantedOutputHash,
  type Signed,
  signRecord,
  type Verdict,
  verdictRecord,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { auditDraw, type DrawnAudit } from '../epoch/drawnAudits.ts';
import { accepted } from '../fixtures/accepted.ts';
import { type EntryWish, fixtureMarket, named, PROMPT_TOKENS, protectionOwner } from '../fixtures/market.ts';
import { openProtection, type Protection } from '../slashingProtection/openProtection.ts';
import { type AuditorParts, type AuditRound, auditor } from './auditor.ts';
import { auditThresholds, judgeAnswer, NO_ANSWER, type Replayer } from './judgeAnswer.ts';

const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain, validators } = market;
const offchain = { ...clusterPreset('localnet').offchain, auditRateQuorum: 10_000n };
const wish: EntryWish = { dispatchNumber: 1, slot: 501n };
const audit = auditDraw({
  domain,
  epoch: 5n,
  beacon: named('beacon'),
  offchain,
  validators,
  drawnBefore: [],
})(accepted(market, wish).checked, { isCarried: false });
if (audit === undefined) throw new RangeError('The answer is drawn.');
const drawn: DrawnAudit = audit;
const clean: Measurements = { tokens: 5, differing: 0, largestGapMicro: 0n, gapSumMicro: 0n };
const opened: AuditOpen = {
  type: 'open',
  request: market.request(wish),
  tokens: market.tokens(wish),
  salt: drawn.receipt.body.salt,
  receiptHash: drawn.receiptHash,
  challenge: new Uint8Array(),
};

function replayer(result: Partial<Awaited<ReturnType<Replayer['replay']>>> = {}): Replayer {
  return {
    model: () => ({ activeParameters: 1n }),
    prompt: async () => [],
    replay: async () => ({ promptTokens: PROMPT_TOKENS, end: 'right', measurements: clean, ...result }),
  };
}

function memberOf(address: Uint8Array | undefined) {
  const found = validators.find((one) => equalBytes(one.address, address ?? ZERO_HASH));
  if (found === undefined) throw new RangeError('Somebody was drawn.');
  return found;
}

describe('what an opened answer shows', () => {
  const judge = (changes: { readonly opened?: Partial<AuditOpen>; readonly replayer?: Replayer }) =>
    judgeAnswer(
      { domain, audit: drawn, opened: { ...opened, ...changes.opened }, thresholds: auditThresholds(offchain) },
      { replayer: changes.replayer ?? replayer(), signal: new AbortController().signal },
    );
  const other = market.request({ dispatchNumber: 2, slot: 501n });
  test.each([
    { name: 'U-03: another request', changes: { opened: { request: other } }, rule: 11 },
    { name: 'U-03: other tokens', changes: { opened: { tokens: [1, 2, 3, 4, 5] } }, rule: 12 },
    {
      name: 'U-03: a prompt that was billed longer than it is',
      changes: { replayer: replayer({ promptTokens: 3 }) },
      rule: 12,
    },
    {
      name: 'U-03: an end that the model would not have made',
      changes: { replayer: replayer({ end: 'wrong' }) },
      rule: 23,
    },
    {
      name: 'U-05: a token too far from the replay’s',
      changes: { replayer: replayer({ measurements: { ...clean, largestGapMicro: 25_001n } }) },
      rule: 20,
    },
    {
      name: 'U-05: gaps that add up',
      changes: { replayer: replayer({ measurements: { ...clean, gapSumMicro: 30_001n } }) },
      rule: 21,
    },
    {
      name: 'U-05: too many other tokens',
      changes: { replayer: replayer({ measurements: { ...clean, differing: 6 } }) },
      rule: 22,
    },
  ])('$name fails by rule $rule', async ({ changes, rule }) => {
    expect(await judge(changes)).toMatchObject({ verdict: 'fail', rule });
  });
  test('U-05: an answer of an exact engine has no allowance, and U-03: its trace is the replay’s', async () => {
    const { traceRoot } = drawn.receipt.body;
    const verdicts = [];
    for (const result of [
      { traceRoot },
      { traceRoot: named('another run') },
      { traceRoot, measurements: { ...clean, differing: 1, largestGapMicro: 1n, gapSumMicro: 1n } },
    ])
      verdicts.push((await judge({ replayer: replayer(result) }))?.rule);
    expect(verdicts).toEqual([0, 24, 20]);
  });
  test('an honest answer passes, with the hash of what was measured', async () => {
    const measurementsHash = hashOf(measurementsCodec, clean);
    expect(await judge({})).toEqual({ verdict: 'pass', rule: 0, measurementsHash, measurements: clean });
  });
});

describe('the auditor', () => {
  let folder = '';
  let protection: Protection;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'validator-auditor-'));
    protection = await openProtection({ path: join(folder, 'protection.log'), owner: protectionOwner() });
  });
  afterEach(async () => {
    await protection[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const first = memberOf(drawn.auditors[0]?.participant);
  const second = memberOf(drawn.auditors[1]?.participant);
  const round: AuditRound = {
    epoch: 5n,
    audits: [drawn],
    placeOf: () => ({ source: 'set', treeEpoch: 5n, index: 0, count: 1, path: [] }),
    verdicts: [],
    slot: 700n,
    firstDeadlineSlot: 710n,
    secondDeadlineSlot: 716n,
  };

  /** Streams to a worker that answers each ask with what `reply` gives; undefined is silence. */
  function streamOf(reply: (ask: AuditFrame) => AuditFrame | undefined): AuditorParts['openStream'] {
    return async () => {
      let answer: AuditFrame | undefined;
      const stream: Partial<FrameStream> = {
        send: async (frame) => {
          answer = reply(decodeAuditFrame(frame));
        },
        receive: async () => {
          if (answer === undefined) throw new KarmeshError('PEER_UNREACHABLE', 'The peer was silent for too long.');
          return encodeAuditFrame(answer);
        },
        close: async () => undefined,
        [Symbol.asyncDispose]: async () => undefined,
      };
      return stream as FrameStream;
    };
  }

  /** An auditor before such a worker. */
  function setUp(
    me: typeof first,
    reply: (ask: AuditFrame) => AuditFrame | undefined,
    changes: Partial<AuditorParts> = {},
  ): { readonly asked: AuditFrame[]; run(changes?: Partial<AuditRound>): Promise<readonly Signed<Verdict>[]> } {
    const asked: AuditFrame[] = [];
    const at = auditor({ askTimeoutMs: 60_000 })({
      domain,
      me: me.address,
      signer: me.keypair,
      protection,
      replayer: replayer(),
      thresholds: auditThresholds(offchain),
      openStream: async (options, signalled) => {
        expect(options.peer).toEqual(
          drawn.checked.drawn.find((one) => equalBytes(one.participant, drawn.receipt.receipt.value.worker))?.identity,
        );
        const answering = streamOf((ask) => {
          asked.push(ask);
          return reply(ask);
        });
        return answering(options, signalled);
      },
      isConnected: () => true,
      nowMs: () => 0,
      log: logger({ name: 'test', level: 'silent' })(),
      observe: () => undefined,
      ...changes,
    });
    return { asked, run: (own) => at.run({ ...round, ...own }, { signal: new AbortController().signal }) };
  }
  const verdictOf = (by: typeof first, changes: Partial<Verdict>): Verdict => ({
    epoch: 5n,
    entryHash: drawn.entryHash,
    receiptHash: drawn.receiptHash,
    validator: by.address,
    attempt: 0,
    verdict: 'pass',
    rule: 0,
    measurementsHash: hashOf(measurementsCodec, clean),
    ...changes,
  });

  test('U-11: asks by the place in the tree, and signs its verdict once', async () => {
    const { asked, run } = setUp(first, () => opened);
    const verdicts = await run();
    expect(verdicts.map(({ value }) => value)).toEqual([verdictOf(first, {})]);
    expect(asked).toMatchObject([
      { type: 'ask', epoch: 5n, attempt: 0, source: 'set', treeEpoch: 5n, index: 0, count: 1 },
    ]);
    expect(await run()).toEqual(verdicts);
    expect(asked).toHaveLength(1);
  });

  test('U-08: a restarted auditor says what it said, whatever it would find now', async () => {
    const [before] = await setUp(first, () => opened).run();
    const lying = replayer({ measurements: { ...clean, largestGapMicro: 9_000_000n } });
    const [after] = await setUp(first, () => opened, { replayer: lying }).run();
    expect(after).toEqual(before);
  });

  test('U-09: silence counts from the deadline on, and after two asks', async () => {
    const { asked, run } = setUp(first, () => undefined);
    expect(await run()).toEqual([]);
    expect(await run({ slot: 709n })).toEqual([]);
    const verdicts = await run({ slot: 710n });
    const { rule, measurementsHash } = NO_ANSWER;
    expect(verdicts.map(({ value }) => value)).toEqual([verdictOf(first, { verdict: 'fail', rule, measurementsHash })]);
    expect(asked).toHaveLength(3);
    const late = setUp(second, () => undefined);
    expect(await late.run({ slot: 720n })).toEqual([]);
  });

  test('U-09: a worker that keeps its auditor waiting for many answers delays those of others by one ask', async () => {
    const silent = drawn.receipt.receipt.value.worker;
    const other = drawn.checked.drawn.find(({ participant }) => !equalBytes(participant, silent));
    if (other === undefined) throw new RangeError('Several workers were drawn.');
    const { receipt } = drawn.receipt;
    const ofOther = { ...receipt, value: { ...receipt.value, worker: other.participant } };
    const honest: DrawnAudit = { ...drawn, receipt: { ...drawn.receipt, receipt: ofOther } };
    const stalled = Array.from({ length: 30 }, (_, i): DrawnAudit => ({ ...drawn, entryHash: named(`stalled ${i}`) }));
    let nowMs = 0;
    const at = auditor({ concurrency: 1 })({
      domain,
      me: first.address,
      signer: first.keypair,
      protection,
      replayer: replayer(),
      thresholds: auditThresholds(offchain),
      openStream: ({ peer }, signalled) => {
        const isOther = equalBytes(peer, other.identity);
        if (!isOther) nowMs += 3_000;
        return streamOf(() => (isOther ? opened : undefined))({ peer, protocol: '', maxFrameBytes: 1 }, signalled);
      },
      isConnected: () => true,
      nowMs: () => nowMs,
      log: logger({ name: 'test', level: 'silent' })(),
      observe: () => undefined,
    });
    const { signal } = new AbortController();
    const verdicts = await at.run({ ...round, audits: [...stalled, honest] }, { signal });
    expect(verdicts.map(({ value }) => value.verdict)).toEqual(['pass']);
    expect(nowMs).toBeLessThanOrEqual(6_000);
  });

  test('U-09: a refusal is no answer', async () => {
    const { run } = setUp(first, () => ({ type: 'refuse', reason: 'unknown-receipt' }));
    expect(await run({ slot: 711n })).toEqual([]);
    expect((await run({ slot: 711n })).map(({ value }) => value.rule)).toEqual([10]);
  });

  test('U-09: an auditor without peers, or without the model, says nothing', async () => {
    for (const changes of [{ isConnected: () => false }, { replayer: { ...replayer(), model: () => undefined } }]) {
      const { asked, run } = setUp(first, () => undefined, changes);
      for (const slot of [711n, 712n, 713n]) expect(await run({ slot })).toEqual([]);
      expect(asked).toEqual([]);
    }
  });

  test('U-02: the second auditor acts on the first one’s failing verdict alone, and shows it', async () => {
    const { asked, run } = setUp(second, () => opened);
    const by = (value: Verdict) => signRecord(verdictRecord, { domain, signer: first.keypair }, value);
    expect(await run()).toEqual([]);
    expect(await run({ verdicts: [by(verdictOf(first, {}))] })).toEqual([]);
    const failing = by(verdictOf(first, { verdict: 'fail', rule: 20 }));
    const verdicts = await run({ verdicts: [failing] });
    expect(verdicts.map(({ value }) => value)).toEqual([verdictOf(second, { attempt: 1 })]);
    expect(asked).toMatchObject([{ attempt: 1, verdicts: [failing] }]);
  });

  test('who was not drawn does nothing', async () => {
    const idle = validators.find((one) => drawn.auditors.every(({ index }) => index !== one.index));
    if (idle === undefined) throw new RangeError('Two of four are drawn.');
    const { asked, run } = setUp(idle, () => opened);
    expect(await run()).toEqual([]);
    expect(asked).toEqual([]);
  });

  describe('of an answer that has to be proven', () => {
    const proofWish: EntryWish = { dispatchNumber: 3, slot: 501n, assurance: 'proof' };
    const found = auditDraw({
      domain,
      epoch: 5n,
      beacon: named('beacon'),
      offchain,
      validators,
      drawnBefore: [],
    })(accepted(market, proofWish).checked, { isCarried: false });
    if (found === undefined) throw new RangeError('The answer is drawn.');
    const challenged: DrawnAudit = found;
    const me = memberOf(challenged.auditors[0]?.participant);
    const proven: AuditOpen = {
      ...opened,
      request: market.request(proofWish),
      tokens: market.tokens(proofWish),
      salt: challenged.receipt.body.salt,
      receiptHash: challenged.receiptHash,
      challenge: named('what was proven'),
    };
    const held: ChallengeVerdict = {
      verdict: 'accept',
      position: 3,
      keysRoot: named('keys'),
      proven: [],
      unproven: [],
    };
    /** What the auditor makes of a worker's reply when challenges are judged so, and in which order things happen. */
    function judged(reply: AuditFrame, verdict: ChallengeVerdict | undefined, isDue = true) {
      const events: unknown[] = [];
      const { run } = setUp(me, () => reply, {
        challenges: {
          isDue: () => isDue,
          deadlineSlot: (epoch) => 1_000n + epoch,
          judge: async (audit, { challenge }, { mayAbstain }) => {
            events.push(['judged', audit.entryHash, challenge]);
            return verdict ?? (mayAbstain ? undefined : { verdict: 'reject', rule: 35, what: 'Unknown keys.' });
          },
        },
        keepProven: async ({ answer }) => {
          events.push(['kept', answer]);
        },
        openStream: streamOf(() => reply),
      });
      const round = { audits: [challenged] };
      return { events, run: (slot: bigint) => run({ ...round, slot }) };
    }

    test('Z-47: a pass names the answer, which is kept before', async () => {
      const { events, run } = judged(proven, held);
      const verdicts = await run(700n);
      expect(verdicts.map(({ value }) => value)).toEqual([
        {
          ...verdictOf(me, { measurementsHash: hash(proven.challenge) }),
          entryHash: challenged.entryHash,
          receiptHash: challenged.receiptHash,
        },
      ]);
      expect(events).toEqual([
        ['judged', challenged.entryHash, proven.challenge],
        ['kept', proven.challenge],
      ]);
    });

    test('U-03: what does not hold fails by its rule, and is not kept', async () => {
      const { events, run } = judged(proven, { verdict: 'reject', rule: 34, what: 'Operator 7 is not proven.' });
      expect((await run(700n)).map(({ value }) => [value.verdict, value.rule])).toEqual([['fail', 34]]);
      expect(events.length).toBe(1);
    });

    test('Z-40: proofs under keys that are admitted and not known here are left to others', async () => {
      const { events, run } = judged(proven, undefined);
      expect(await run(1_004n)).toEqual([]);
      expect(events.length).toBe(1);
      // Until the deadline: behind it nobody else has known them either.
      expect((await run(1_005n)).map(({ value }) => [value.verdict, value.rule])).toEqual([['fail', 35]]);
    });

    test('U-09: a worker that still proves has until the deadline of challenges', async () => {
      const proving: AuditFrame = { type: 'refuse', reason: 'proving' };
      const { run } = judged(proving, held);
      for (const slot of [700n, 711n, 1_004n]) expect(await run(slot)).toEqual([]);
      expect((await run(1_005n)).map(({ value }) => [value.verdict, value.rule])).toEqual([['fail', 10]]);
    });

    test('U-09: an empty answer is a fault from the deadline on, since keys may be younger than the worker', async () => {
      const { events, run } = judged(
        { ...proven, challenge: new Uint8Array() },
        { verdict: 'reject', rule: 30, what: 'The worker proved nothing.' },
      );
      expect(await run(1_004n)).toEqual([]);
      expect(events).toEqual([]);
      expect((await run(1_005n)).map(({ value }) => [value.verdict, value.rule])).toEqual([['fail', 30]]);
    });

    test('Z-40: without admitted keys the replay alone decides', async () => {
      const { events, run } = judged({ ...proven, challenge: new Uint8Array() }, held, false);
      expect((await run(700n)).map(({ value }) => [value.verdict, value.measurementsHash])).toEqual([
        ['pass', hashOf(measurementsCodec, clean)],
      ]);
      expect(events).toEqual([]);
    });
  });

  test.each([
    { assurance: 'stream', isCarried: false },
    { assurance: 'quorum', isCarried: false },
    { assurance: 'quorum', isCarried: true },
    { assurance: 'proof', isCarried: false },
    { assurance: 'proof', isCarried: true },
  ] as const)(
    'P-52, U-03: a planted answer stands among the others, and who looks never passes it: $assurance, carried $isCarried',
    async ({ assurance, isCarried }) => {
      const outputHash = plantedOutputHash(domain, named('secret'));
      const plantedWish: EntryWish = { dispatchNumber: 5, slot: 501n, assurance, outputHash };
      const draw = auditDraw({
        domain,
        epoch: 5n,
        beacon: named('beacon'),
        offchain: { ...offchain, auditRateStream: 10_000n },
        validators,
        drawnBefore: [],
      });
      const planted = draw(accepted(market, plantedWish).checked, { isCarried });
      if (planted === undefined) throw new RangeError('The answer is drawn.');
      expect(planted.receipt.receipt.value.outputHash).toEqual(outputHash);
      // Whatever else holds: the trace, the challenge, every measure.
      const reply: AuditFrame = {
        ...opened,
        request: market.request(plantedWish),
        tokens: market.tokens(plantedWish),
        receiptHash: planted.receiptHash,
        challenge: named('what was proven'),
      };
      const me = memberOf(planted.auditors[0]?.participant);
      const { run } = setUp(me, () => reply, {
        replayer: replayer({ traceRoot: planted.receipt.body.traceRoot }),
        challenges: {
          isDue: () => true,
          deadlineSlot: () => 1_000n,
          judge: async () => ({ verdict: 'accept', position: 3, keysRoot: named('keys'), proven: [], unproven: [] }),
        },
        openStream: streamOf(() => reply),
      });
      const verdicts = await run({ audits: [planted] });
      expect(verdicts.map(({ value }) => [value.receiptHash, value.verdict, value.rule])).toEqual([
        [planted.receiptHash, 'fail', 12],
      ]);
    },
  );

  test('P-06: a worker whose key has changed while its answer was carried is asked by the new one', async () => {
    const worker = drawn.receipt.receipt.value.worker;
    const old = drawn.checked.drawn.find((one) => equalBytes(one.participant, worker))?.identity;
    const peers: unknown[] = [];
    const { run } = setUp(first, () => undefined, {
      identityNow: (participant) => (equalBytes(participant, worker) ? named('a new key') : undefined),
      openStream: (options, signalled) => {
        peers.push(options.peer);
        return streamOf(() => (equalBytes(options.peer, named('a new key')) ? opened : undefined))(options, signalled);
      },
    });
    expect((await run()).map(({ value }) => value.verdict)).toEqual(['pass']);
    expect(peers).toEqual([old, named('a new key')]);
  });

  test('an engine that breaks gives no verdict', async () => {
    const broken: Replayer = {
      ...replayer(),
      replay: () => Promise.reject(new KarmeshError('ENGINE_FAILED', 'It broke.')),
    };
    expect(await setUp(first, () => opened, { replayer: broken }).run({ slot: 711n })).toEqual([]);
  });
});
