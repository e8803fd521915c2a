import { execFile } from 'node:child_process';
import { appendFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

// The contracts of EVM chains are committed as bytecode: what is deployed is what the source says.

const root = fileURLToPath(new URL('../../', import.meta.url));
const FAULT = 'The contracts’ source compiles to something else than the committed files:';

/** How the check of a copy of circuits/solidity ends. */
function check(folder: string): Promise<{ readonly code: number; readonly fault: string | undefined }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(folder, 'build.mjs'), '--check'], (error, _, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, fault: stderr === '' ? undefined : stderr.split('\n')[0] });
    });
  });
}

let folder: string;
let copy: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-contracts-'));
  copy = join(folder, 'solidity');
  await cp(join(root, 'circuits/solidity'), copy, { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
});
afterEach(() => rm(folder, { recursive: true }));

test('the committed contracts are built from the committed source', async () => {
  expect(await check(copy)).toEqual({ code: 0, fault: undefined });
});

test('a change of the source fails the check', async () => {
  const file = join(copy, 'KarmeshProofs.sol');
  const source = await readFile(file, 'utf8');
  await writeFile(file, source.replace('3 * stake <= 2 * uint256(totalStake)', '3 * stake < 2 * uint256(totalStake)'));
  expect(await check(copy)).toEqual({ code: 1, fault: FAULT });
});

test('a change of the built file fails the check', async () => {
  await appendFile(join(copy, 'contracts.json'), ' ');
  expect(await check(copy)).toEqual({ code: 1, fault: FAULT });
});
