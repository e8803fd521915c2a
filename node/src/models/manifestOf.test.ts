import { type ModelManifest, modelIdOf } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { writeGguf } from '../fixtures/ggufWriter.ts';
import { parseGguf } from './gguf.ts';
import { manifestOf } from './manifestOf.ts';

const named = (name: string): ModelManifest => {
  const file = writeGguf({
    metadata: {
      'general.architecture': { text: 'llama' },
      'general.name': { text: name },
      'llama.context_length': { u32: 64 },
      'tokenizer.ggml.tokens': { texts: ['a'] },
    },
    tensors: [],
  });
  return manifestOf(parseGguf(file, file.length), { fileHash: new Uint8Array(32), fileBytes: 1n });
};

test.each([
  ['a short name stays', 'Tiny', 'Tiny'],
  ['letters are cut at 100', 'n'.repeat(300), 'n'.repeat(100)],
  ['a character is not cut in half', `${'n'.repeat(99)}🦙`, 'n'.repeat(99)],
  ['what takes more bytes is cut sooner', '模'.repeat(90), '模'.repeat(40)],
])('F-12: %s', (_, name, cut) => {
  const manifest = named(name);
  expect(manifest.name).toBe(cut);
  expect(modelIdOf(manifest)).toHaveLength(32);
});
