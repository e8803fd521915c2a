import { execFile } from 'node:child_process';
import { appendFile, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

// The exact engine's kernels are committed as WebAssembly: what runs is what the source says.

const root = fileURLToPath(new URL('../../', import.meta.url));
const FAULT = 'The kernels’ source builds other files than the committed ones:';

/** How the check of a copy of node/kernels and node/wasm ends. */
function check(folder: string): Promise<{ readonly code: number; readonly fault: string | undefined }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(folder, 'node/kernels/build.mjs'), '--check'], (error, _, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, fault: stderr === '' ? undefined : stderr.split('\n')[0] });
    });
  });
}

let copy: string;
beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), 'karmesh-kernels-'));
  for (const part of ['node/kernels', 'node/wasm']) await cp(join(root, part), join(copy, part), { recursive: true });
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
});
afterEach(() => rm(copy, { recursive: true }));

test('the committed kernels are built from the committed source', async () => {
  expect(await check(copy)).toEqual({ code: 0, fault: undefined });
});

test('a change of the source fails the check', async () => {
  await appendFile(join(copy, 'node/kernels/index.ts'), '\nexport function added(): i32 {\n  return 1;\n}\n');
  expect(await check(copy)).toEqual({ code: 1, fault: FAULT });
});

test('a change of a built file fails the check', async () => {
  // An empty section that no engine looks at.
  await appendFile(join(copy, 'node/wasm/simd.wasm'), Uint8Array.of(0, 1, 0));
  expect(await check(copy)).toEqual({ code: 1, fault: FAULT });
});
