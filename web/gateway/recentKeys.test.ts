import { expect, test } from 'vitest';
import { recentKeys } from './recentKeys.ts';
import { hashApiKey } from './store/apiKeys.ts';

/** Keys over a store and a clock that the test owns. */
function keys({ maxKeys = 8 } = {}) {
  const valid = new Set(['sk-a', 'sk-b', 'sk-c']);
  const asked: string[] = [];
  const at = { nowMs: 1000 };
  const find = recentKeys({ rememberMs: 2000, maxKeys })({
    clock: { nowMs: () => at.nowMs },
    async find(key) {
      asked.push(key);
      return valid.has(key) ? { keyHash: hashApiKey(key), accountId: 7n } : undefined;
    },
  });
  return { find, valid, asked, at };
}

test('a key that was valid just now is not asked for again', async () => {
  const { find, asked, at } = keys();
  for (let i = 0; i < 3; i++) expect(await find('sk-a')).toEqual({ keyHash: hashApiKey('sk-a'), accountId: 7n });
  expect(asked).toEqual(['sk-a']);
  at.nowMs += 2000;
  await find('sk-a');
  expect(asked).toEqual(['sk-a', 'sk-a']);
});

test('a revoked key is refused after two seconds, also when the clock was set back', async () => {
  for (const step of [2000, -2000]) {
    const { find, valid, at } = keys();
    await find('sk-a');
    valid.delete('sk-a');
    expect(await find('sk-a')).toBeDefined();
    at.nowMs += step;
    expect(await find('sk-a')).toBeUndefined();
  }
});

test('an unknown key is asked for every time, and what is remembered is bounded', async () => {
  const { find, asked } = keys({ maxKeys: 2 });
  for (let i = 0; i < 2; i++) expect(await find('sk-unknown')).toBeUndefined();
  for (const key of ['sk-a', 'sk-b', 'sk-c', 'sk-c', 'sk-a']) await find(key);
  expect(asked).toEqual(['sk-unknown', 'sk-unknown', 'sk-a', 'sk-b', 'sk-c', 'sk-a']);
});
