import { expect, test } from 'vitest';
import { readLocalnetConfig } from './config.ts';
import { systemProgram } from './ledger/wellKnown.ts';

const read = async (argv: readonly string[], env = {}) => {
  const result = await readLocalnetConfig(argv, env);
  return result.kind === 'config' ? result.config : result.kind;
};

test('has defaults for everything', async () => {
  expect(await read([])).toEqual({
    dataDir: '.karmesh/localnet',
    port: 8_899,
    bind: '127.0.0.1',
    slotMs: 400,
    program: [],
    maxLogBytes: 33_554_432,
    json: false,
    logLevel: 'info',
  });
});

test('takes programs as solana-test-validator does, and as ID=PATH', async () => {
  const config = await read([
    '--program',
    systemProgram,
    'a.so',
    '--slot-ms',
    '50',
    '--program',
    `${systemProgram}=b.so`,
  ]);
  expect(config).toMatchObject({ program: [`${systemProgram}=a.so`, `${systemProgram}=b.so`], slotMs: 50 });
});

test('refuses what it does not know', async () => {
  await expect(read(['--slot-ms', '1', '--program', 'nobody=a.so'])).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    facts: { '--slot-ms': expect.any(String), '--program': 'must be ID=PATH' },
  });
  await expect(read(['--ledger', 'x'])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(await read(['--help'])).toBe('help');
});
