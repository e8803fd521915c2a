import { expect, test } from 'vitest';
import { arena } from './arena.ts';
import { instantiateKernels, type KernelVariant, MEMORY_PAGES } from './kernels.ts';
import { compileKernels } from './loadStages.ts';

/** Numbers that are the same in every run, extremes among them. */
function numbers(count: number, { seed, max }: { readonly seed: number; readonly max: number }): Int32Array {
  let state = seed;
  return Int32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    if (state % 3 === 0) return state % 2 === 0 ? max : -max;
    return (state % (2 * max + 1)) - max;
  });
}

async function open(variant: KernelVariant) {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: MEMORY_PAGES });
  const kernels = await instantiateKernels(await compileKernels(variant), memory);
  return { memory, kernels, room: arena(memory, kernels.freeFrom()) };
}

const SIZES = [16, 32, 64, 128] as const;

/** X-24 for one head: what a variant gives. */
async function attend(variant: KernelVariant, of: { readonly positions: number; readonly size: number }) {
  const { memory, kernels, room } = await open(variant);
  const { positions, size } = of;
  const stride = 2 * size;
  const put = (values: Int32Array): number => {
    const at = room.take(2 * values.length);
    new Int16Array(memory.buffer, at, values.length).set(values);
    return at;
  };
  const query = put(numbers(size, { seed: 1, max: 32_767 }));
  const keys = put(numbers(positions * size, { seed: 2, max: 32_767 }));
  const values = put(numbers(positions * size, { seed: 3, max: 32_767 }));
  const scratchBytes = 12 * (positions + 1);
  kernels.assemble(room.take(64), 1, room.take(256), room.take(scratchBytes), scratchBytes);
  const out = room.take(4 * size);
  return [8, 20].map((shift) => {
    kernels.attend(query, keys, values, stride, positions, 1, 1, size, shift, 0, out);
    return room.int32(out, size).slice();
  });
}

test.each(SIZES)('X-24: a head of %i values is mixed to the same bits with vectors and without', async (size) => {
  for (const positions of [1, 2, 15, 16, 17, 33, 400, 401])
    expect(await attend('simd', { positions, size })).toEqual(await attend('plain', { positions, size }));
});

/** X-26 for all shifts of formats that there are, and some beyond. */
async function gated(variant: KernelVariant) {
  const { kernels, room } = await open(variant);
  const count = 131;
  const [g, u, h] = [room.take(4 * count), room.take(4 * count), room.take(4 * count)];
  room.int32(g, count).set(numbers(count, { seed: 4, max: 2 ** 19 - 1 }));
  room.int32(u, count).set(numbers(count, { seed: 5, max: 2 ** 19 - 1 }));
  return [-15, -11, -10, -2, 0, 1, 3].flatMap((inShift) =>
    [-3, 0, 1, 18, 40, 60, 63].map((outShift) => {
      kernels.gated(g, u, h, count, inShift, outShift, 2 ** 29 - 1);
      return room.int32(h, count).slice();
    }),
  );
}

test('X-26: gates are the same with vectors and without', async () => {
  expect(await gated('simd')).toEqual(await gated('plain'));
});

/** One token as the linear layers read it. */
async function packed(variant: KernelVariant) {
  const { kernels, room } = await open(variant);
  const columns = 96;
  const [x, out] = [room.take(4 * columns), room.take(4 * columns)];
  const cases = [
    { limbs: 1, max: 2 ** 15 - 1 },
    { limbs: 2, max: 2 ** 23 - 1 },
    { limbs: 2, max: 2 ** 29 - 1 },
  ];
  return cases.map(({ limbs, max }) => {
    room.int32(x, columns).set(numbers(columns, { seed: 6, max }));
    kernels.pack(x, 4 * columns, 1, columns, limbs, out);
    return room.bytes(out, 2 * columns * limbs).slice();
  });
}

test('X-40: one token is packed to the same limbs with vectors and without', async () => {
  expect(await packed('simd')).toEqual(await packed('plain'));
});
