import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { accountsCommand } from './accountsCommand.ts';
import { recordArrivals } from './deposits/depositStore.ts';
import { depositsCommand } from './depositsCommand.ts';
import { keysCommand } from './keysCommand.ts';
import { ledgerCommand } from './ledgerCommand.ts';
import { ledgerAccount } from './payments/ledger/accountNames.ts';
import { openSharedDatabase } from './store/openDatabase.ts';

let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'karmesh-commands-'));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

/** What a command prints as JSON. */
async function run(command: Command, ...args: string[]): Promise<unknown> {
  let printed = '';
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  try {
    const argv = [...args, '--json', '--data-dir', dataDir];
    await command.run({ argv, env: {}, signal: new AbortController().signal });
  } finally {
    stdout.mockRestore();
  }
  return JSON.parse(printed);
}

const keys = (...args: string[]) => run(keysCommand, ...args);
const accounts = (...args: string[]) => run(accountsCommand, ...args);
const deposits = (...args: string[]) => run(depositsCommand, ...args);
const ledger = (...args: string[]) => run(ledgerCommand, ...args);

test('keys: makes, lists, rotates and ends keys', { timeout: 120_000 }, async () => {
  await expect(keys('add', 'alice', '--cap-day', '1 sol')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'The amount is not understood.',
  });
  await expect(keys('rotate', 'alice')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'There is not one valid key of this name.',
  });
  const isKey = { name: 'alice', key: expect.stringMatching(/^sk-karmesh-/) };
  expect(await keys('add', 'alice', '--cap-day', '0.5sol', '--cap-total', '2000')).toEqual(isKey);
  expect(await keys('rotate', 'alice', '--overlap-hours', '0')).toEqual({ ...isKey, oldEndsAtMs: expect.any(String) });
  expect(await keys('list', '--account', 'operator')).toEqual([
    {
      id: expect.stringMatching(/^key_[0-9a-f]{32}$/),
      name: 'alice',
      account: 'operator',
      capDayLamports: '500000000',
      capTotalLamports: '2000',
      spentDayLamports: '0',
      spentTotalLamports: '0',
      createdAtMs: expect.any(String),
      rotatedAtMs: expect.any(String),
    },
  ]);
  expect(await keys('revoke', 'alice')).toEqual({ name: 'alice', ended: 1 });
  expect(await keys('revoke', 'alice')).toEqual({ name: 'alice', ended: 0 });
});

test('accounts and ledger: makes an account, grants it credit once, and checks what was posted', {
  timeout: 120_000,
}, async () => {
  const refused: readonly (readonly [ask: () => Promise<unknown>, message: string])[] = [
    [() => accounts('credit', 'carol'), 'A grant needs an amount.'],
    [() => accounts('close', 'carol'), 'There is no such action on accounts.'],
    [() => accounts('add', 'carol', '--wallet', 'carol'), 'An address is 32 bytes in base58.'],
    [() => accounts('add', 'carol', '--limit', '9223372036854775808'), 'The amount is more than the ledger counts to.'],
    [() => ledger('chek'), 'There is no such action on the ledger.'],
  ];
  for (const [ask, message] of refused) await expect(ask()).rejects.toMatchObject({ code: 'CONFIG_INVALID', message });
  await expect(accounts('credit', 'carol', '5')).rejects.toMatchObject({
    message: 'There is no account of this name.',
  });

  const wallet = '11111111111111111111111111111112';
  const carol = { name: 'carol', id: '2', creditLimitLamports: '7' };
  expect(await accounts('add', 'carol', '--limit', '7', '--wallet', wallet)).toEqual(carol);
  await expect(accounts('add', 'carol')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'There is an account of this name or wallet already.',
  });
  const credit = () => accounts('credit', 'carol', '1.5sol', '--reference', 'january');
  const granted = { name: 'carol', reference: 'january', granted: true, balance: '1500000000' };
  expect([await credit(), await credit()]).toEqual([granted, { ...granted, granted: false }]);
  expect(await accounts('list')).toMatchObject([
    { name: 'operator', balance: '0', creditLimitLamports: '9223372036854775807' },
    { ...carol, balance: '1500000000', wallet },
  ]);
  expect(await ledger('show', 'credit:')).toEqual([{ account: 'credit:2', lamports: '1500000000' }]);
  expect(await ledger('check')).toEqual({ movements: '1', postings: '2', escrows: [], differences: [] });

  const keep = async (lamports: bigint): Promise<void> => {
    await using database = await openSharedDatabase({ dataFolder: dataDir });
    const balance = database.sql.updateTable('balances').set({ lamports });
    await balance.where('account', '=', ledgerAccount.granted).execute();
  };
  await keep(7n);
  await expect(ledger('check')).rejects.toMatchObject({
    code: 'LEDGER_WRONG',
    message: 'The ledger is not what it stands for.',
    facts: { differences: 1, check: 'balance', about: 'granted', ledger: 7n, found: -1_500_000_000n },
  });
  await keep(-1_500_000_000n);
});

test('deposits: lists what is nobody’s, and credits it to an account once', { timeout: 240_000 }, async () => {
  const bytes = (fill: number) => new Uint8Array(32).fill(fill);
  const arrive = async (signature: string, rates: { sol: bigint | undefined; token: bigint | undefined }) => {
    await using database = await openSharedDatabase({ dataFolder: dataDir });
    await recordArrivals(database.sql, {
      gateway: bytes(1),
      addresses: { sol: bytes(2), token: undefined },
      asset: 'sol' as const,
      signature,
      arrivals: [
        ...(['sol', 'token'] as const).map((asset) => ({
          signature,
          asset,
          amount: 40n,
          named: [bytes(3)],
          signers: [bytes(3)],
          blockTimeMs: undefined,
        })),
      ],
      rates,
      nowMs: 7n,
    });
  };
  await arrive('both', { sol: 1_000_000_000n, token: 2_000_000_000n });
  await arrive('worthless', { sol: undefined, token: undefined });
  await accounts('add', 'finder');
  const refused = (args: readonly string[], message: string) =>
    expect(deposits(...args)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message });
  const unclaimed = expect.arrayContaining([
    { signature: 'both', asset: 'sol', amount: '40', lamports: '40', atMs: '7' },
    { signature: 'both', asset: 'token', amount: '40', lamports: '80', atMs: '7' },
  ]);
  expect(await deposits('list')).toEqual(unclaimed);
  await refused(['assgn', 'both', 'finder'], 'There is no such action on deposits.');
  await refused(['assign', 'both'], 'A deposit is assigned by its signature to an account.');
  await refused(['assign', 'neither', 'finder'], 'There is no deposit with this signature.');
  await refused(['assign', 'both', 'nobody'], 'There is no account of this name.');
  await refused(
    ['assign', 'worthless', 'finder'],
    'This deposit came when its asset had no rate, so that it is worth nothing in lamports.',
  );
  expect(await deposits('list')).toEqual(unclaimed);
  expect(await deposits('assign', 'both', 'finder')).toMatchObject({
    account: 'finder',
    deposits: [
      { asset: 'sol', lamports: '40' },
      { asset: 'token', lamports: '80' },
    ],
  });
  await refused(['assign', 'both', 'finder'], 'This deposit was credited to an account already.');
  await refused(['assign', 'both', 'operator'], 'This deposit was credited to an account already.');
  expect(await accounts('list')).toContainEqual(expect.objectContaining({ name: 'finder', balance: '120' }));
  expect(await ledger('show', 'unclaimed')).toEqual([{ account: 'unclaimed', lamports: '0' }]);
  await ledger('check');
  expect(await deposits('list')).toEqual(
    (['sol', 'token'] as const).map((asset) => ({
      signature: 'worthless',
      asset,
      amount: '40',
      lamports: '0',
      atMs: '7',
    })),
  );
});
