import { test } from 'vitest';
import { runFiveValidators } from './fiveValidators.ts';
test('x', { timeout: 400_000 }, async () => {
  const t0 = Date.now();
  const result = await runFiveValidators(5, { signal: AbortSignal.timeout(390_000), print: (l) => process.stderr.write(`${((Date.now()-t0)/1000).toFixed(0)} ${l}\n`) });
  process.stderr.write(JSON.stringify(result, (_, v) => typeof v === 'bigint' ? `${v}` : v, 1));
});
