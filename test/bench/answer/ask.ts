import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Gateway } from '@karmesh/sdk/client';
import type { DirectAnswer } from './direct.ts';

export interface MarketAnswer extends DirectAnswer {
  readonly receipts: number;
}

/** One question's share of the time: what hangs ends here and not with the whole run. */
export function bounded(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(60_000)]);
}

/** Up to the last text. */
export function tokensPerSecond({ tokens, totalMs }: DirectAnswer): number {
  return (1000 * tokens) / totalMs;
}

/** Starts a program of this folder, which ends with the stack. */
export function startProgram(stack: AsyncDisposableStack, name: string, args: readonly string[]): ChildProcess {
  const child = fork(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  stack.defer(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  return child;
}

/** One streamed answer of the market, timed from before the request to its first text and to its end. */
export async function askMarket(
  { gateway, modelName }: { readonly gateway: Gateway; readonly modelName: string },
  options: { readonly prompt: string; readonly maxTokens: number; readonly signal: AbortSignal },
): Promise<MarketAnswer> {
  const began = performance.now();
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: modelName,
      messages: [{ role: 'user', content: options.prompt }],
      temperature: 0,
      max_tokens: options.maxTokens,
      stream: true,
      stream_options: { include_usage: true },
    }),
    signal: bounded(options.signal),
  });
  if (!response.ok || response.body === null)
    throw new Error(`The gateway answered ${response.status}: ${await response.text()}`);
  let firstTokenMs = Number.NaN;
  let lastTextMs = Number.NaN;
  let tokens = 0;
  let receipts = 0;
  let buffered = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    buffered += text;
    const lines = buffered.split('\n');
    buffered = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue;
      const event = JSON.parse(line.slice('data: '.length));
      if (event.choices?.[0]?.delta?.content) {
        lastTextMs = performance.now() - began;
        if (Number.isNaN(firstTokenMs)) firstTokenMs = lastTextMs;
      }
      if (event.usage) tokens = event.usage.completion_tokens;
      if (event.karmesh)
        receipts = event.karmesh.receipts.filter((row: { receiptHash: unknown }) => row.receiptHash !== null).length;
    }
  }
  return { firstTokenMs, totalMs: lastTextMs, tokens, receipts };
}

/** One answer of a process that runs node-llama-cpp directly. */
export async function askDirect(
  child: ChildProcess,
  options: { readonly prompt: readonly number[]; readonly maxTokens: number; readonly signal: AbortSignal },
): Promise<DirectAnswer> {
  const answered = once(child, 'message', { signal: bounded(options.signal) });
  child.send({ prompt: options.prompt, maxTokens: options.maxTokens });
  const [answer] = await answered;
  return answer as DirectAnswer;
}
