import { randomBytes } from 'node:crypto';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { hash } from '@karmesh/sdk/protocol';
import { command, type Output, output } from '@karmesh/sdk/runtime';
import type { Engine } from '../engines/engine.ts';
import { exactEngine } from '../engines/exact/exactEngine.ts';
import { llamaEngine } from '../engines/llama/llamaEngine.ts';
import { benchSchema } from './config.ts';
import { conversionProgress } from './conversionProgress.ts';

/** Tokens a second. */
interface Speed {
  readonly engine: string;
  readonly prompt: number;
  readonly answer: number;
}

const TEXT = 'Tell me a story about a fox who met an owl by the river. ';
const TEXTS = 6;

/** `karmesh model bench FILE`: both engines in turns on this machine. Throws `MODEL_INVALID`, `ENGINE_FAILED`, `ABORTED`. */
export const modelBenchCommand = command({
  program: 'karmesh model bench',
  summary:
    'Measures how fast this machine runs a GGUF file on llama.cpp and on the exact engine, in turns, one request at a time.',
  section: 'model',
  schema: benchSchema,
  positionals: [{ name: 'file', description: 'the GGUF file' }],
  files: configFiles,
  async run({ config, positionals: [modelPath = ''] }, { signal }) {
    const talk = output({ json: config.json })();
    const { threads, rounds, tokens, modelCache: cacheFolder } = config;
    await using stack = new AsyncDisposableStack();
    const call = { signal, onProgress: conversionProgress(talk) };
    const exact = stack.use(await exactEngine({ modelPath, cacheFolder, threads, sequences: 1 }, call));
    talk.progress('');
    const llama = stack.use(await llamaEngine({ modelPath, threads, sequences: 1 }, { signal }));
    const found = new Map<string, Speed[]>();
    // The first round warms both up.
    for (let round = 0; round <= rounds; round++) {
      for (const [engine, run] of [['llama', llama] as const, ['exact', exact] as const]) {
        talk.progress(`Round ${round} of ${rounds}: ${engine}`);
        const speed = await measure(run, { engine, tokens, signal });
        if (round > 0) found.set(engine, [...(found.get(engine) ?? []), speed]);
      }
    }
    talk.progress('');
    const speeds = [...found].map(
      ([engine, all]): Speed => ({
        engine,
        prompt: median(all.map(({ prompt }) => prompt)),
        answer: median(all.map(({ answer }) => answer)),
      }),
    );
    report(talk, { speeds, memoryBytes: exact.memoryBytes, threads });
    return 0;
  },
});

async function measure(
  engine: Engine,
  { engine: name, tokens, signal }: { readonly engine: string; readonly tokens: number; readonly signal: AbortSignal },
): Promise<Speed> {
  const { promptTokens, outputTokens, timings } = await engine.generate(
    {
      requestId: hash(randomBytes(32)),
      messages: [{ role: 'user', content: TEXT.repeat(TEXTS) }],
      maxTokens: tokens,
      temperatureMicro: 0,
      stops: [],
    },
    { signal },
  );
  const answerMs = timings.totalMs - timings.firstTokenMs;
  return {
    engine: name,
    prompt: (1000 * promptTokens) / timings.firstTokenMs,
    answer: outputTokens.length < 2 ? 0 : (1000 * (outputTokens.length - 1)) / answerMs,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function report(
  talk: Pick<Output, 'data'>,
  result: { readonly speeds: readonly Speed[]; readonly memoryBytes: number; readonly threads: number },
): void {
  talk.data(result, ({ speeds, memoryBytes, threads }) =>
    [
      `engine  prompt tokens/s  answer tokens/s   (${threads} thread${threads === 1 ? '' : 's'})`,
      ...speeds.map(
        ({ engine, prompt, answer }) =>
          `${engine.padEnd(8)}${prompt.toFixed(1).padStart(15)}${answer.toFixed(1).padStart(17)}`,
      ),
      `The exact engine holds ${Math.ceil(memoryBytes / 2 ** 20)} MiB of weights and caches.`,
    ].join('\n'),
  );
}
