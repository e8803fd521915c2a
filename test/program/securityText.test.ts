import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROGRAM_FILE } from './ledger/programFile.ts';

const BEGIN = '=======BEGIN SECURITY.TXT V1=======\0';
const END = '=======END SECURITY.TXT V1=======\0';

/** The fields as explorers read them: what stands between the markers, names and values in turn, each ended by a zero. */
function parseSecurityText(program: Buffer): Readonly<Record<string, string>> {
  const [from, to] = [program.indexOf(BEGIN), program.indexOf(END)];
  expect([from >= 0, program.indexOf(BEGIN, from + 1), program.indexOf(END, to + 1)]).toEqual([true, -1, -1]);
  const words = program
    .subarray(from + BEGIN.length, to)
    .toString('utf8')
    .split('\0');
  expect(words.pop()).toBe('');
  const pairs = words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1] ?? ''] as const] : []));
  return Object.fromEntries(pairs);
}

test('karma.so says whom to tell of a fault, in the words of SECURITY.md', async () => {
  const fields = parseSecurityText(await readFile(PROGRAM_FILE));
  expect(Object.keys(fields)).toEqual(['name', 'project_url', 'contacts', 'policy', 'preferred_languages', 'auditors']);
  const policy = await readFile(join(import.meta.dirname, '..', '..', 'SECURITY.md'), 'utf8');
  const [, table = ''] = policy.split('## In the program\n');
  const written = [...table.matchAll(/^\| (\w+) \| (.+) \|$/gm)].map(([, name, value]) => [name, value]);
  expect(Object.entries(fields)).toEqual(written.filter(([name]) => name !== 'field'));
});
