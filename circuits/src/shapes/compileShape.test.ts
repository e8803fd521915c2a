import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileShape } from './compileShape.ts';
import { circuitOf } from './shape.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-compile-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('compiles a circuit once, and one of the same name that is made of something else apart from it', async () => {
  const circuit = circuitOf({ kind: 'linear', rows: 1, columns: 1, inputBits: 8, shift: 1, outputBits: 8 });
  let compiled = 0;
  const onCompile = (): void => {
    compiled++;
  };
  const [one, again] = [
    await compileShape(circuit, folder, { onCompile }),
    await compileShape(circuit, folder, { onCompile }),
  ];
  expect(again).toEqual(one);
  const other = await compileShape({ ...circuit, component: 'Linear(1, 1, 8, 2, 8)' }, folder, { onCompile });
  expect(compiled).toBe(2);
  expect(other.r1cs).not.toBe(one.r1cs);
  expect(await readdir(folder)).toHaveLength(6);
});
