import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exactEngine } from '@karmesh/node/engines';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  AUDIT_RULES,
  type FinishReason,
  type Hash,
  type InferenceRequest,
  outputHashOf,
  requestIdOf,
} from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openReplayer } from '../cli/openReplayer.ts';
import { auditDraw, type DrawnAudit } from '../epoch/drawnAudits.ts';
import { accepted } from '../fixtures/accepted.ts';
import { fixtureMarket, named } from '../fixtures/market.ts';
import { auditThresholds, judgeAnswer, type Replayer } from './judgeAnswer.ts';

// A stream that its reader left, run and cut by the real exact engine, and judged by a replay bit for bit.

const { signal } = new AbortController();
const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain } = market;
const offchain = { ...clusterPreset('localnet').offchain, auditRateStream: 10_000n };
const HALTED_AT = 12;

let cacheFolder: string;
let replayer: Replayer & AsyncDisposable;
let answer: Answer;
let request: InferenceRequest;
let whole: readonly number[];

interface Answer {
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  readonly traceRoot: Hash;
}

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'karmesh-halted-'));
  await using engine = await exactEngine({ modelPath: BUNDLED_MODEL_PATH, cacheFolder });
  request = {
    modelId: engine.describe().modelId,
    assurance: 'stream',
    maxTokens: 64,
    temperatureMicro: 700_000,
    stops: [],
    messages: [{ role: 'user', content: 'Tell me a story about a fox.' }],
    blinding: named('blinding'),
  };
  const ran = await engine.generate({ ...request, requestId: requestIdOf(domain, request) });
  whole = ran.outputTokens;
  const { outputTokens: tokens, ...cut } = await ran.cutTo(HALTED_AT);
  answer = { ...cut, tokens };
  const models = { models: [], exactModels: [BUNDLED_MODEL_PATH], modelCache: cacheFolder, threads: 1 };
  replayer = await openReplayer(models, { signal });
}, 120_000);
afterAll(async () => {
  await replayer?.[Symbol.asyncDispose]();
  await rm(cacheFolder, { recursive: true });
});

/** The drawn audit of a receipt over an answer, and the verdict on what its worker opens. */
async function ruleOf(claimed: Answer): Promise<number | undefined> {
  const draw = auditDraw({
    domain,
    epoch: 5n,
    beacon: named('beacon'),
    offchain,
    validators: market.validators,
    drawnBefore: [],
  });
  const drawn = draw(accepted(market, { dispatchNumber: 1, slot: 501n, assurance: 'stream' }).checked, {
    isCarried: false,
  });
  if (drawn === undefined) throw new RangeError('The answer is drawn.');
  const { tokens, finishReason, promptTokens, traceRoot } = claimed;
  const { checked, receipt } = drawn;
  const { ticket, dispatch } = checked.entry;
  const outputHash = outputHashOf(domain, { promptTokens, finishReason, tokens });
  const value = { ...receipt.receipt.value, promptTokens, outputTokens: tokens.length, outputHash };
  const audit: DrawnAudit = {
    ...drawn,
    checked: {
      ...checked,
      entry: {
        ...checked.entry,
        ticket: { ...ticket, value: { ...ticket.value, requestId: requestIdOf(domain, request) } },
        dispatch: { ...dispatch, value: { ...dispatch.value, modelId: request.modelId } },
      },
    },
    receipt: { receipt: { ...receipt.receipt, value }, body: { ...receipt.body, finishReason, traceRoot } },
  };
  const { receiptHash } = drawn;
  const { salt } = receipt.body;
  const judged = await judgeAnswer(
    {
      domain,
      audit,
      opened: { type: 'open', request, tokens, salt, receiptHash, challenge: new Uint8Array() },
      thresholds: auditThresholds(offchain),
    },
    { replayer, signal },
  );
  return judged?.rule;
}

test('U-05: an answer that was halted passes, bit for bit', { timeout: 60_000 }, async () => {
  expect([answer.finishReason, answer.tokens.length, whole.length > HALTED_AT]).toEqual(['halted', HALTED_AT, true]);
  expect(await ruleOf(answer)).toBe(0);
});

test('U-03: what was halted has no other end, no other tokens and no other trace', { timeout: 60_000 }, async () => {
  const longer = whole.slice(0, HALTED_AT + 1);
  expect({
    'as if it had ended by itself': await ruleOf({ ...answer, finishReason: 'stop' }),
    'as if it had reached its limit': await ruleOf({ ...answer, finishReason: 'length' }),
    'a token more, with the trace of fewer': await ruleOf({ ...answer, tokens: longer }),
    'another last token': await ruleOf({ ...answer, tokens: answer.tokens.with(-1, 7) }),
  }).toEqual({
    'as if it had ended by itself': AUDIT_RULES.wrongEnd,
    'as if it had reached its limit': AUDIT_RULES.wrongEnd,
    'a token more, with the trace of fewer': AUDIT_RULES.traceMismatch,
    'another last token': AUDIT_RULES.largestGap,
  });
});
