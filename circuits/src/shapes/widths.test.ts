import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CircuitsError } from '../errors.ts';
import { compileShape } from './compileShape.ts';
import { circuitOf } from './shape.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-widths-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

// Beyond these parameters a sum of bits would wrap around the field's order, or a statement would be another one.
test.each([
  ['integers', 'Unsigned(253)', 'v'],
  ['integers', 'Unsigned(0)', 'v'],
  ['integers', 'Signed(253)', 'v'],
  ['integers', 'Signed(0)', 'v'],
  ['integers', 'Round(250, 10)', 'v'],
  ['integers', 'Round(-1, 10)', 'v'],
  ['integers', 'Round(10, 1)', 'v'],
  ['integers', 'Shift(250, 10)', 'v'],
  ['integers', 'Shift(0, 10)', 'v'],
  ['commitment', 'Commitment(0, 16)', 'blinding'],
  ['commitment', 'Commitment(4, 1)', 'blinding'],
  ['commitment', 'Commitment(4, 33)', 'blinding'],
  ['linear', 'Linear(2, 2, 16, 240, 16)', 'context'],
  ['linear', 'Linear(2, 2, 33, 10, 16)', 'context'],
  ['residual', 'Residual(2, 2, 16, 221)', 'context'],
  ['norm', 'Norm(8193, 262176, 36, 16)', 'context'],
  ['norm', 'Norm(4, 127, 36, 16)', 'context'],
  ['norm', 'Norm(4, 17179869184, 36, 16)', 'context'],
  ['hidden', 'Magnitude(1)', 'v'],
  ['hidden', 'Magnitude(253)', 'v'],
  ['hidden', 'Hidden(2, 0, 20)', 'context'],
  ['hidden', 'Hidden(2, 17, 20)', 'context'],
  ['hidden', 'Hidden(2, 14, 0)', 'context'],
  ['hidden', 'Hidden(2, 14, 223)', 'context'],
  ['head', 'Head(4, 2, 16, 0, 32)', 'context'],
  ['head', 'Head(1, 2, 16, 10, 32)', 'context'],
  ['head', 'Head(4, 2, 16, 220, 32)', 'context'],
  ['headTile', 'HeadTile(4, 2, 16, 0, 32)', 'context'],
  ['headTile', 'HeadTile(0, 2, 16, 10, 32)', 'context'],
  ['headTile', 'HeadTile(4, 2, 16, 220, 32)', 'context'],
  ['refutation', 'Refutation(2, 2, 16, -1, 16)', 'context'],
  ['refutation', 'Refutation(2, 2, 16, 105, 16)', 'context'],
  ['sumCheckLinear', 'SumCheckLinear(2, 2, 16, 233, 16)', 'context'],
  ['sumCheckLinear', 'SumCheckLinear(2, 2, 16, -1, 16)', 'context'],
  ['sumCheckLinear', 'SumCheckLinear(2, 2, 33, 10, 16)', 'context'],
  ['sumCheckLinear', 'SumCheckLinear(2, 32769, 16, 10, 16)', 'context'],
  ['sumCheckLinear', 'SumCheckLinear(32769, 2, 16, 10, 16)', 'context'],
])('%s: %s does not compile', async (template, component, signal) => {
  const circuit = { name: 'bad', template: `${template}.circom`, component, signals: [signal] };
  const error = await compileShape(circuit, folder).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(CircuitsError);
  if (!(error instanceof CircuitsError)) return;
  expect(error.code).toBe('COMPILE_FAILED');
  expect(error.facts.said).toContain('False assert reached');
});

test('Z-13: formats that leave no room for what X-23 and X-26 do at their ends have no circuit', () => {
  const rotated = {
    kind: 'rotated',
    rows: 4,
    columns: 4,
    inputBits: 16,
    shift: 4,
    headSize: 4,
    pairs: 'halves',
  } as const;
  expect(circuitOf({ ...rotated, fraction: 2, outputBits: 16 }).component).toBe(
    'Rotated(4, 4, 16, 4, 31, 4, 2, 2, 16)',
  );
  expect(() => circuitOf({ ...rotated, fraction: 1, outputBits: 16 })).toThrow('These formats have no circuit.');
  const hidden = { kind: 'hidden', width: 4, shift: 18 } as const;
  expect(() => circuitOf({ ...hidden, gateFraction: 17 })).toThrow('These formats have no circuit.');
});
