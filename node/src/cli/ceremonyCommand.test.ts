import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, runProgram } from '../../../sdk/src/cli/fixtures/runProgram.ts';

// What needs no circuit; docs/guides/ceremony.md is followed by test/e2e/ceremony.long.test.ts.

const script = fileURLToPath(new URL('../main.ts', import.meta.url));
const SLOT_HASH = '5a'.repeat(32);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-ceremony-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs `karmesh ceremony` in a folder of its own. */
function ceremony(...args: readonly string[]): Promise<Ended> {
  return runProgram(script, ['ceremony', ...args], { folder });
}

test('powers of tau are begun, contributed to, ended and verified', async () => {
  expect(await ceremony('powers', '--power', '3', 'begun.ptau')).toEqual({
    code: 0,
    stdout: 'Began begun.ptau with 2^3 powers of tau.\n',
    stderr: '',
  });
  const contributed = await ceremony('contribute', '--name', 'a worker', 'begun.ptau', 'one.ptau');
  expect(contributed).toMatchObject({ code: 0, stderr: '' });
  expect(contributed.stdout.replace(/[0-9a-f]{128}/, 'HASH')).toBe(
    'Contributed to begun.ptau as a worker; give on one.ptau.\nPublish this hash, and look for it when the ceremony has ended:\nHASH\n',
  );
  expect(await ceremony('verify', 'one.ptau')).toMatchObject({
    code: 1,
    stderr:
      '✖ The powers of tau are refused.\n  path: one.ptau\n  fault: they are not prepared for a second phase\n  See docs/errors.md#ceremony_refused\n',
  });
  expect(await ceremony('beacon', '--slot-hash', SLOT_HASH, 'one.ptau', 'powers.ptau')).toEqual({
    code: 0,
    stdout: 'Ended the powers of tau: powers.ptau.\n',
    stderr: '',
  });
  const verified = await ceremony('verify', '--json', 'powers.ptau');
  expect(JSON.parse(verified.stdout)).toEqual({
    path: 'powers.ptau',
    power: 3,
    powersHash: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect((await readdir(folder)).sort()).toEqual(['begun.ptau', 'one.ptau', 'powers.ptau']);
});

test('what is amiss is said in one sentence', async () => {
  const shape = { kind: 'linear', rows: 2, columns: 2, inputBits: 8, shift: 7, outputBits: 8 };
  await writeFile(join(folder, 'short.json'), JSON.stringify({ shape, weights: [[1, 2]] }));
  await writeFile(
    join(folder, 'half.json'),
    JSON.stringify({
      shape,
      weights: [
        [1, 2],
        [3, 0.5],
      ],
    }),
  );
  const powers = ['--powers', 'powers.ptau', '--powers-hash', '00'.repeat(32)];
  const said = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await ceremony(...args);
    return `${code} ${stdout}${stderr.split('\n')[0]}`;
  };
  expect({
    noCommand: await said('verfy', 'powers.ptau'),
    ended: await said('contribute', '--name', 'late', 'powers.ptau', 'late.ptau'),
    there: await said('contribute', '--name', 'again', 'begun.ptau', 'one.ptau'),
    missing: await said('contribute', '--name', 'early', 'none.ptau', 'early.ptau'),
    noKind: await said('verify', 'short.json'),
    noPowers: await said('begin', '--operator', '3', 'key.zkey'),
    noLayer: await said('begin', ...powers, 'key.zkey'),
    twoLayers: await said('begin', ...powers, '--operator', '3', '--layer', 'short.json', 'key.zkey'),
    shortLayer: await said('begin', ...powers, '--layer', 'short.json', 'key.zkey'),
    halfLayer: await said('begin', ...powers, '--layer', 'half.json', 'key.zkey'),
    noOperator: await said('begin', ...powers, '--operator', '46', 'key.zkey'),
    base58: await said('beacon', '--slot-hash', '4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZ', 'begun.ptau', 'key.ptau'),
  }).toMatchInlineSnapshot(`
    {
      "base58": "2 ✖ The configuration has faults.",
      "ended": "1 ✖ This ceremony has ended: its second phase is prepared.",
      "halfLayer": "1 ✖ The layer file cannot be read.",
      "missing": "1 ✖ The file is not there.",
      "noCommand": "2 ✖ There is no command "ceremony verfy".",
      "noKind": "1 ✖ This is neither a .ptau nor a .zkey file.",
      "noLayer": "2 ✖ A ceremony is for one layer: an operator of a model, or a file.",
      "noOperator": "2 ✖ The model has no such operator.",
      "noPowers": "2 ✖ A key begins with powers of tau.",
      "shortLayer": "1 ✖ The layer file cannot be read.",
      "there": "1 ✖ The file is there already.",
      "twoLayers": "2 ✖ A ceremony is for one layer: an operator of a model, or a file.",
    }
  `);
});
