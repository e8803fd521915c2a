import {
  type Engine,
  type GenerateOptions,
  type GenerateResult,
  llamaEngine,
  openaiEngine,
} from '@karmesh/node/engines';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { AUDIT_RULES, judgeMeasurements, thresholdsAt, toHex } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requests } from '../detection/prompts.ts';
import { shippedThresholds } from '../detection/shippedThresholds.ts';
import { buildLlamaServer } from './buildLlamaServer.ts';
import { startLlamaServer } from './startLlamaServer.ts';

// A worker before a real llama-server, judged as a validator judges it: by replay with the llama engine and the shipped thresholds.

const KEY = 'sk-long';
const built = await buildLlamaServer();
const reason = built.kind === 'built' ? '' : ` (skipped: ${built.reason})`;
const COUNT = 20;
const asked = [
  ...requests({ count: COUNT, seed: 21, temperatureMicro: 0, maxTokens: 96 }),
  ...requests({ count: COUNT, seed: 22, temperatureMicro: 800_000, maxTokens: 96 }),
  // Hot enough for tokens that end within a character, which llama-server leaves out of its report.
  ...requests({ count: 5, seed: 23, temperatureMicro: 2_000_000, maxTokens: 96 }),
];

interface Audited {
  readonly request: number;
  readonly rule: number | undefined;
  readonly tokens: number;
  readonly differing: number;
  readonly largestGapMicro: bigint;
}

/** What an auditor says of a worker's answers (U-03 to U-05). */
async function auditAll(auditor: Engine, answers: readonly GenerateResult[]): Promise<readonly Audited[]> {
  const audited: Audited[] = [];
  for (const [request, answer] of answers.entries()) {
    const options: GenerateOptions | undefined = asked[request];
    if (options === undefined) throw new RangeError('Every answer has a request.');
    const { outputTokens, finishReason } = answer;
    const { measurements, end, promptTokens } = await auditor.replay({ ...options, outputTokens, finishReason });
    const judged = judgeMeasurements(measurements, thresholdsAt(shippedThresholds(), options.temperatureMicro));
    const rule =
      promptTokens === answer.promptTokens
        ? end === 'wrong'
          ? AUDIT_RULES.wrongEnd
          : judged
        : AUDIT_RULES.outputMismatch;
    const { tokens, differing, largestGapMicro } = measurements;
    audited.push({ request, rule, tokens, differing, largestGapMicro });
  }
  return audited;
}

async function answersOf(engine: Engine): Promise<readonly GenerateResult[]> {
  return await Promise.all(asked.map((options) => engine.generate(options)));
}

describe.skipIf(built.kind === 'impossible')(
  `a worker before a real llama-server${reason}`,
  { timeout: 900_000 },
  () => {
    const open = new AsyncDisposableStack();
    let auditor: Engine;
    const serverOf = async (modelPath: string): Promise<Engine> => {
      if (built.kind === 'impossible') throw new Error(built.reason);
      const server = open.use(await startLlamaServer({ path: built.path, modelPath, key: KEY }));
      return open.use(await openaiEngine({ modelPath: BUNDLED_MODEL_PATH, url: server.url, key: KEY }));
    };
    beforeAll(async () => {
      auditor = open.use(await llamaEngine({ modelPath: BUNDLED_MODEL_PATH }));
    });
    afterAll(() => open.disposeAsync());

    test('U-05: its answers pass every audit at every temperature, and it can replay those of others', async () => {
      const engine = await serverOf(BUNDLED_MODEL_PATH);
      const { engineClass, greedyOnly, modelId } = engine.describe();
      expect([engineClass.engine, engineClass.settings, greedyOnly, toHex(modelId)]).toEqual([
        'openai',
        'rules=2 tokens=ids logits=logprobs/64 context=512 served=tiny',
        undefined,
        toHex(auditor.describe().modelId),
      ]);
      expect(engineClass.build).toMatch(/^llamacpp b/);
      const startedAt = performance.now();
      const answers = await answersOf(engine);
      const seconds = (performance.now() - startedAt) / 1000;
      const audited = await auditAll(auditor, answers);
      expect(audited.filter(({ rule }) => rule !== undefined)).toEqual([]);

      const own = await answersOf(auditor);
      const judgedByServer = await auditAll(engine, own);
      expect(judgedByServer.filter(({ rule }) => rule !== undefined)).toEqual([]);
      const same = answers.filter((answer, i) => answer.outputTokens.join() === own[i]?.outputTokens.join()).length;
      const tokens = audited.reduce((sum, each) => sum + each.tokens, 0);
      const worst = (all: readonly Audited[]): bigint =>
        all.reduce((most, { largestGapMicro: gap }) => (gap > most ? gap : most), 0n);
      process.stdout.write(
        `${engineClass.build}: ${answers.length} answers, ${tokens} tokens, ${(tokens / seconds).toFixed(0)} a second; ${same} equal to the llama engine’s; ` +
          `largest gaps ${worst(audited)} by the llama engine, ${worst(judgedByServer)} by the server, in micro-logits.\n`,
      );
    });

    test('a wrong key and a wrong name of the model are refused', async () => {
      if (built.kind === 'impossible') throw new Error(built.reason);
      await using server = await startLlamaServer({ path: built.path, modelPath: BUNDLED_MODEL_PATH, key: KEY });
      const options = { modelPath: BUNDLED_MODEL_PATH, url: server.url };
      await expect(openaiEngine({ ...options, key: 'sk-bad' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
      await expect(openaiEngine({ ...options, key: KEY, model: 'other' })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        facts: { wanted: 'other', listed: 'tiny' },
      });
    });
  },
);
