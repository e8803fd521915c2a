import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const readText = (path: string): Promise<string> => readFile(fileURLToPath(new URL(path, root)), 'utf8');

/** Listed, with why they are not needed, in CONTRIBUTING.md. */
const known = ['blake-hash', 'bufferutil', 'node-llama-cpp', 'utf-8-validate'];

test('every package with an install script is known and listed in CONTRIBUTING.md', async () => {
  const lock = JSON.parse(await readText('package-lock.json')) as {
    packages: Record<string, { hasInstallScript?: boolean }>;
  };
  const found = Object.entries(lock.packages)
    .filter(([, entry]) => entry.hasInstallScript === true)
    .map(([path]) => path.split('node_modules/').at(-1) ?? path);
  expect([...new Set(found)].sort()).toEqual(known);
  const contributing = await readText('CONTRIBUTING.md');
  expect(known.filter((name) => !contributing.includes(`\`${name}\``))).toEqual([]);
});

test('the lockfile names no registry host', async () => {
  const lock = await readText('package-lock.json');
  expect(lock.match(/"resolved": "https?:[^"]*"/g) ?? []).toEqual([]);
});

test('every code of KarmeshError has its place in docs/errors.md', async () => {
  const source = await readText('sdk/src/errors.ts');
  const codes = [...source.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code]) => code ?? '');
  const documented = [...(await readText('docs/errors.md')).matchAll(/^## ([A-Z_]+)$/gm)].map(([, code]) => code ?? '');
  expect(codes.length).toBeGreaterThan(20);
  expect([...documented].sort()).toEqual([...codes].sort());
});
