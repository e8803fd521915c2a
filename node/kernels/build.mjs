// Builds the kernels of the exact engine out of AssemblyScript: with vectors, with vectors and threads, and plain.
//
//   node build.mjs           writes ../wasm/*.wasm and ../wasm/SHA256SUMS
//   node build.mjs --check   builds beside them and fails unless the committed files have the same bytes
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';

const here = import.meta.dirname;
const committed = join(here, '..', 'wasm');
const common = [
  'index.ts',
  '--baseDir',
  here,
  '--runtime',
  'stub',
  '--importMemory',
  '--noAssert',
  '--optimizeLevel',
  '3',
  '--shrinkLevel',
  '0',
  '--converge',
];
const variants = {
  simd: ['--enable', 'simd'],
  threads: [
    '--enable',
    'simd',
    '--enable',
    'threads',
    '--sharedMemory',
    '--maximumMemory',
    '65536',
    '--initialMemory',
    '1',
  ],
  plain: [],
};

const check = process.argv.includes('--check');
const folder = check ? mkdtempSync(join(tmpdir(), 'karmesh-kernels-')) : committed;
mkdirSync(folder, { recursive: true });
const sums = [];
for (const [name, options] of Object.entries(variants)) {
  const file = `${name}.wasm`;
  const { error, stderr } = await asc.main([...common, ...options, '--outFile', join(folder, file)]);
  if (error) {
    process.stderr.write(`${stderr}\n`);
    throw error;
  }
  sums.push(
    `${createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex')}  ${file}\n`,
  );
}
if (check) {
  rmSync(folder, { recursive: true });
  const wanted = readFileSync(join(committed, 'SHA256SUMS'), 'utf8');
  const found = Object.keys(variants).map((name) => {
    const file = `${name}.wasm`;
    return `${createHash('sha256')
      .update(readFileSync(join(committed, file)))
      .digest('hex')}  ${file}\n`;
  });
  if (found.join('') !== wanted || sums.join('') !== wanted) {
    process.stderr.write(`The kernels' source builds other files than the committed ones:\n${sums.join('')}`);
    process.exit(1);
  }
} else writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
process.stdout.write(sums.join(''));
