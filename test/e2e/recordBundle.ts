import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ask } from '@karmesh/sdk/client';
import { startTestMarket } from '../harness/market.ts';
import { writeRecordedBundle } from './recordedBundle.ts';

// Records test/vectors/bundle.json: node test/e2e/recordBundle.ts. One worker of four is silent and one lies, so that half of the
// entries hold a time-out and a dissent besides two receipts that agree. What the chain says of the bundle is kept beside it.

// With slower slots a worker that is asked after a split still takes the dispatch (W-10).
const signal = AbortSignal.timeout(300_000);
const hostile = (name: string): string => fileURLToPath(new URL(`../adversary/hostile/${name}.ts`, import.meta.url));
await using market = await startTestMarket(
  { workers: 4, validators: 2, slotMs: 400, workerScripts: [hostile('lyingWorker'), hostile('silentWorker')] },
  { signal },
);
for (;;) {
  const answer = await ask(market.running.gateway, {
    prompt: 'What is the capital of France?',
    temperature: 0,
    signal,
  });
  const outcomes = new Set(answer.evidence.receipts.map(({ outcome }) => outcome));
  if (!outcomes.has('timed-out') || !outcomes.has('dissented')) continue;
  const final = await market.final(answer.evidence.requestId, { signal });
  if (!final.verdict.holds) throw new Error('The recorded bundle does not hold.');
  await writeFile(new URL('../vectors/bundle.json', import.meta.url), writeRecordedBundle(final));
  break;
}
