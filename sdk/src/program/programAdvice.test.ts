import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { idl } from './idl.ts';
import { ADVISED, programAdvice } from './programAdvice.ts';

const source = fileURLToPath(new URL('../../../programs/karma/src/', import.meta.url));
const instructions = [
  ...['stake', 'unstake', 'withdraw_stake', 'close_stake', 'collect_rewards', 'collect_commission'],
  ...['set_commission', 'set_capacity', 'propose', 'vote_proposal', 'execute_proposal'],
];
const states = ['stake', 'proposal', 'bounds', 'token', 'participant', 'config', 'weights', 'vault'];

test('what is advised on are errors of the program', () => {
  const names = new Set(idl.errors?.map(({ name }) => name));
  expect(ADVISED.filter((name) => !names.has(name))).toEqual([]);
});

test('every refusal that the instructions of stake and votes name has an advice, and no other', async () => {
  const files = [...instructions.map((name) => `processor/${name}.rs`), ...states.map((name) => `state/${name}.rs`)];
  const texts = await Promise.all(files.map((name) => readFile(`${source}${name}`, 'utf8')));
  const named = new Set([...texts.join('').matchAll(/KarmaError::(\w+)/g)].map(([, name]) => name));
  // Accounts are made by a part that all share.
  named.add('AlreadyInitialised');
  expect([...named].sort()).toEqual([...ADVISED].sort());
  expect(programAdvice('BadPath')).toBeUndefined();
});
