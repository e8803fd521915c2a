import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { missingPython, spawnReference } from './spawnReference.ts';

// The vectors against what wrote them, as far as half a minute goes. reference.long.test.ts has the whole.

interface Run {
  readonly tokens: readonly number[];
  readonly logits: readonly string[];
  readonly argmax: readonly number[];
}
interface ModelVectors {
  readonly file: string;
  readonly variant: string;
  readonly runs: readonly Run[];
}
const {
  comment: _comment,
  rule: _rule,
  models,
  ...operators
} = JSON.parse(readFileSync(new URL('../vectors/exact.json', import.meta.url), 'utf8'));

function modelOf(file: string): ModelVectors {
  const found = (models as readonly ModelVectors[]).find((model) => model.file === file);
  if (found === undefined) throw new RangeError(`exact.json has no model ${file}.`);
  return found;
}

const reason = await missingPython();

describe.skipIf(reason !== undefined)(`the reference in Python${reason ? ` (skipped: ${reason})` : ''}`, () => {
  test('X-10, X-11, X-17, X-24, X-26, X-28, X-31, X-71: the operators of exact.json', async () => {
    expect(await spawnReference('operators')).toEqual(operators);
  });

  test('X-50: the bundled model, and the logits of its first positions', async () => {
    const { runs, ...conversion } = modelOf('node/models/tiny-q8_0.gguf');
    const { runs: started, ...converted } = (await spawnReference(
      'vectors',
      'node/models/tiny-q8_0.gguf',
      '--positions',
      '2',
    )) as ModelVectors;
    expect(converted).toEqual(conversion);
    const firstTwo = ({ tokens, logits, argmax }: Run) => ({
      tokens: tokens.slice(0, 2),
      logits: logits.slice(0, 2),
      argmax: argmax.slice(0, 2),
    });
    expect(started.map(firstTwo)).toEqual(runs.map(firstTwo));
  });

  test('X-40: a whole run of the random qwen2 within the bounds', async () => {
    const file = 'test/models/random-qwen2.gguf';
    expect(await spawnReference('--check-bounds', 'vectors', file)).toEqual(modelOf(file));
  });
});
