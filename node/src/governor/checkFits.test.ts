import { expect, test } from 'vitest';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';
import { checkFileFits, checkLoadedFits } from './checkFits.ts';

test('a model whose file is over the limit is refused before it is loaded', async () => {
  await expect(checkFileFits(BUNDLED_MODEL_PATH, { maxMemoryBytes: 1_000_000 })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message:
      'The model does not fit the memory that the worker may use; give it more, or take a smaller model or context.',
    facts: { fileBytes: expect.any(Number), maxMemoryBytes: 1_000_000 },
  });
  await checkFileFits(BUNDLED_MODEL_PATH, { maxMemoryBytes: 100_000_000 });
  await checkFileFits(BUNDLED_MODEL_PATH, { maxMemoryBytes: undefined });
  await checkFileFits('absent.gguf', { maxMemoryBytes: 1 });
});

test('and one that needs more than the limit once it is loaded is refused then', () => {
  const refused = expect.objectContaining({ code: 'CONFIG_INVALID', facts: { residentBytes: 11, maxMemoryBytes: 10 } });
  expect(() => checkLoadedFits(11, { maxMemoryBytes: 10 })).toThrowError(refused);
  checkLoadedFits(10, { maxMemoryBytes: 10 });
  checkLoadedFits(11, { maxMemoryBytes: undefined });
});
