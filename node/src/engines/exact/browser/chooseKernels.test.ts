import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { KernelVariant } from '../stages/kernels.ts';
import { canShareMemory, chooseKernels } from './chooseKernels.ts';

const wasm = new URL('../../../../wasm/', import.meta.url);

test.each([
  ['one thread', 1, true, [], { variant: 'simd', threads: 1 }],
  ['threads where memory is shared', 4, true, [], { variant: 'threads', threads: 4 }],
  ['threads in a page that is not isolated', 4, false, [], { variant: 'simd', threads: 1 }],
  ['threads in a browser without them', 4, true, ['threads'], { variant: 'simd', threads: 1 }],
  ['a browser without vectors', 1, true, ['simd', 'threads'], { variant: 'plain', threads: 1 }],
  ['threads in a browser without vectors', 4, true, ['simd', 'threads'], { variant: 'plain', threads: 1 }],
] as const)('%s', async (_, threads, isShared, unknown, expected) => {
  const asked: KernelVariant[] = [];
  const read = async (variant: KernelVariant) => {
    asked.push(variant);
    const isUnknown = (unknown as readonly KernelVariant[]).includes(variant);
    return isUnknown ? Uint8Array.of(0) : new Uint8Array(await readFile(new URL(`${variant}.wasm`, wasm)));
  };
  const { module, ...chosen } = await chooseKernels(threads, { canShareMemory: isShared, read });
  expect(chosen).toEqual(expected);
  expect(WebAssembly.Module.exports(module).map(({ name }) => name)).toContain('linear');
  // No kernels are fetched behind the ones that are taken.
  expect(asked.at(-1)).toBe(chosen.variant);
});

test('memory is not shared where no page is isolated', () => {
  expect(canShareMemory()).toBe(false);
});
