import { fileURLToPath } from 'node:url';
import { askStreaming, type Gateway } from '@karmesh/sdk/client';
import { toBase58 } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { startTestMarket } from '../harness/market.ts';

const WORKERS = 5;
const SLOW = fileURLToPath(new URL('./slowWorker.ts', import.meta.url));

interface Heard {
  readonly text: string;
  readonly verdict: string;
  readonly outcomes: ReadonlyMap<string, string>;
}

/** Streams a long answer; as it comes, `onText` gets the workers that run it. */
async function listen(
  gateway: Gateway,
  { onText, signal }: { readonly onText: (workers: readonly string[]) => void; readonly signal: AbortSignal },
): Promise<Heard> {
  let running: readonly string[] = [];
  let text = '';
  for await (const event of askStreaming(gateway, {
    model: 'tiny-spike',
    prompt: 'Tell me a story about a fox.',
    assurance: 'stream',
    temperature: 0,
    maxTokens: 256,
    signal,
  })) {
    if (event.kind === 'workers') {
      running = event.workers.filter(({ step }) => step === 'accepted').map(({ worker }) => worker);
    } else if (event.kind === 'text') {
      text += event.text;
      onText(running);
    } else {
      const outcomes = new Map(event.evidence.receipts.map(({ worker, outcome }) => [worker, outcome]));
      return { text, verdict: event.evidence.quorum.verdict, outcomes };
    }
  }
  throw new Error('The stream ended without its evidence.');
}

test('a stream of which two workers die goes on with others, token for token, and two agree on it', {
  timeout: 120_000,
}, async () => {
  const signal = AbortSignal.timeout(110_000);
  await using market = await startTestMarket(
    { workers: WORKERS, validators: 1, workerScripts: Array.from({ length: WORKERS }, () => SLOW) },
    { signal },
  );
  const { gateway, workers } = market.running;
  const addresses = await Promise.all(
    workers.map(async (_, i) => toBase58((await market.worker(i, { signal })).address)),
  );
  const whole = await listen(gateway, { onText: () => {}, signal });
  expect(whole.text.length).toBeGreaterThan(100);
  const killed: string[] = [];
  const cut = await listen(gateway, {
    onText: (running) => {
      // The first drawn, whose words are shown, and another.
      if (killed.length > 0 || running.length < 3) return;
      for (const address of running.slice(0, 2)) {
        const child = workers[addresses.indexOf(address)];
        if (child === undefined) continue;
        process.kill(child.pid, 'SIGKILL');
        killed.push(address);
      }
    },
    signal,
  });
  expect(killed).toHaveLength(2);
  expect(killed.map((address) => cut.outcomes.get(address))).toContain('timed-out');
  expect({ text: cut.text, verdict: cut.verdict }).toEqual({ text: whole.text, verdict: 'agreed' });
});
