import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, runProgram } from '../../../sdk/src/cli/fixtures/runProgram.ts';
import { smallModel } from '../fixtures/smallModel.ts';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';

const script = fileURLToPath(new URL('../main.ts', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-model-'));
  await writeFile(join(folder, 'yarn.gguf'), smallModel({ metadata: { '.rope.scaling.type': { text: 'yarn' } } }));
  await writeFile(join(folder, 'words.txt'), 'These are words, and no model has so few of them.');
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs `karmesh model` in an empty folder. */
function model(...args: readonly string[]): Promise<Ended> {
  return runProgram(script, ['model', ...args], { folder });
}

test('inspect says what exact arithmetic makes of a GGUF file', async () => {
  const { stdout, ...rest } = await model('inspect', BUNDLED_MODEL_PATH);
  expect(rest).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "tiny-spike: llama, Q8_0, 3279104 parameters.
    model id   5f81f18f5a52f7e8e81895fec0d8db44d44faca47e7170874f353df0ac9d2797
    variant    narrow: the coarsest norm keeps 10 fraction bits in narrow, which needs 10
    shape      width 256, 4 layers, 8 heads of 32 (4 for keys), hidden 640, 1024 tokens, context 512, own head
    formats    layer 0: norms 11 and 10, q 13, k 11, v 12, gate 14, up 15, hidden 14
               layers 1 to 2: norms 10 and 10, q 12, k 10, v 11, gate 14, up 15, hidden 14
               layer 3: norms 10 and 10, q 12, k 10, v 10, gate 14, up 14, hidden 14
               last norm 10
    converted  3532352 bytes
    memory     3.4 MiB of weights, and 1.0 MiB for each context of 512 tokens
    "
  `);
});

test('inspect says why a GGUF file cannot be converted', async () => {
  const { stdout, ...rest } = await model('inspect', 'yarn.gguf');
  expect(rest).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Small: llama, Q8_0, 63424 parameters.
    model id   706294f549e6fee002efa82621aa940d3b4e310550868cc9eeb89844fc455614
    exact      not possible: The model scales its rotary positions in a way that exact arithmetic is not defined for.
               type: yarn
               factor: 1
    "
  `);
});

test('convert makes a file once, which inspect knows', async () => {
  const made = await model('convert', BUNDLED_MODEL_PATH, '--variant', 'wide', '--json');
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const { path, cached, variant, modelId } = JSON.parse(made.stdout);
  expect({ cached, variant, modelId, path }).toMatchInlineSnapshot(`
    {
      "cached": false,
      "modelId": "72e5c3bd84e759c4ed2eeb82b4a063b5d00b8ff588750779502810488e9509e3",
      "path": ".karmesh/models/3e9e44a14b93e7a497539ff505488991c9fa63e60cc6ba10a0428ca19e84ef29-wide.exact1",
      "variant": "wide",
    }
  `);
  const again = await model('convert', BUNDLED_MODEL_PATH, '--variant', 'wide');
  expect(again).toEqual({
    code: 0,
    stdout: `Found ${path}\nmodel id  ${modelId}\nvariant   wide · 3532352 bytes\n`,
    stderr: '',
  });
  const { stdout, ...rest } = await model('inspect', path);
  expect(rest).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "A converted model.
    file hash  1793169cbabc88e54989d13d33b8dcd059485530a673528a6a21cc76a64ff4bf
    made from  3e9e44a14b93e7a497539ff505488991c9fa63e60cc6ba10a0428ca19e84ef29
    variant    wide
    shape      width 256, 4 layers, 8 heads of 32 (4 for keys), hidden 640, 1024 tokens, context 512, own head
    formats    layer 0: norms 19 and 18, q 17, k 15, v 16, gate 14, up 15, hidden 14
               layers 1 to 2: norms 18 and 18, q 16, k 14, v 15, gate 14, up 15, hidden 14
               layer 3: norms 18 and 18, q 16, k 14, v 14, gate 14, up 14, hidden 14
               last norm 18
    converted  3532352 bytes
    memory     3.4 MiB of weights, and 2.0 MiB for each context of 512 tokens
    "
  `);
});

test.each<readonly [string, readonly string[], number, string]>([
  ['a file that is no model', ['inspect', 'words.txt'], 1, 'The model file does not begin as a GGUF file does.'],
  ['a model that is not there', ['convert', 'none.gguf'], 1, 'The model file cannot be opened.'],
  ['an unknown command', ['convrt'], 2, 'There is no command "model convrt".'],
  ['a ceremony without powers', ['keys', '--proving-keys', '.'], 2, 'A key begins with powers of tau.'],
  [
    'a folder without keys',
    ['keys', '--proving-keys', '.', '--powers', 'none.ptau', '--powers-hash', '00'.repeat(32)],
    1,
    'The folder has no key of a ceremony.',
  ],
  ['an unknown variant', ['convert', 'yarn.gguf', '--variant', 'huge'], 2, 'The configuration has faults.'],
])('%s is refused in one sentence', async (_, args, code, sentence) => {
  const ended = await model(...args);
  expect({ ...ended, stderr: ended.stderr.split('\n')[0] }).toEqual({ code, stdout: '', stderr: `✖ ${sentence}` });
});

test('bench measures both engines in turns', { timeout: 120_000 }, async () => {
  const { code, stdout } = await model('bench', BUNDLED_MODEL_PATH, '--rounds', '1', '--tokens', '8', '--json');
  expect(code).toBe(0);
  const speed = (engine: string) => ({ engine, prompt: expect.any(Number), answer: expect.any(Number) });
  expect(JSON.parse(stdout)).toEqual({
    speeds: [speed('llama'), speed('exact')],
    memoryBytes: expect.any(Number),
    threads: 1,
  });
});
