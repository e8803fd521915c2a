import { getLlama, LlamaLogLevel, type Token } from 'node-llama-cpp';

// The rival: node-llama-cpp called directly, in a process of its own: its shortest way from a prompt's tokens to an answer's, with its
// own sampler. It answers one prompt per message.
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

process.on('message', async ({ prompt, maxTokens }: { prompt: readonly Token[]; maxTokens: number }) => {
  const began = performance.now();
  await sequence.clearHistory();
  let firstTokenMs = Number.NaN;
  const output: Token[] = [];
  let text = '';
  for await (const token of sequence.evaluate([...prompt], { temperature: 0, yieldEogToken: true })) {
    if (output.length === 0) firstTokenMs = performance.now() - began;
    output.push(token);
    text += model.detokenize([token]);
    if (model.isEogToken(token) || output.length === maxTokens) break;
  }
  const answer: DirectAnswer = {
    firstTokenMs,
    totalMs: performance.now() - began,
    tokens: text === '' ? 0 : output.length,
  };
  process.send?.(answer);
});
process.send?.('ready');
