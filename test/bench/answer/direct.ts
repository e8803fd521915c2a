import { getLlama, LlamaChatSession, LlamaLogLevel } from 'node-llama-cpp';

// The rival: node-llama-cpp called directly, as its documentation shows, in a process of its own. It answers one prompt per message.
const [modelPath = ''] = process.argv.slice(2);
const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  progressLogs: false,
  logLevel: LlamaLogLevel.error,
});
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ sequences: 1, threads: 1, flashAttention: false });
const sequence = context.getSequence();

/** What one prompt took, in milliseconds since it was received. */
export interface DirectAnswer {
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly tokens: number;
}

process.on('message', async ({ prompt, maxTokens }: { prompt: string; maxTokens: number }) => {
  await sequence.clearHistory();
  const session = new LlamaChatSession({ contextSequence: sequence });
  const began = performance.now();
  let firstTokenMs = Number.NaN;
  let tokens = 0;
  await session.prompt(prompt, {
    temperature: 0,
    maxTokens,
    onToken(chunk) {
      if (tokens === 0) firstTokenMs = performance.now() - began;
      tokens += chunk.length;
    },
  });
  const answer: DirectAnswer = { firstTokenMs, totalMs: performance.now() - began, tokens };
  session.dispose({ disposeSequence: false });
  process.send?.(answer);
});
process.send?.('ready');
