import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { openAppendLog } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addressOf } from '../base58.ts';
import type { LedgerEvent } from '../ledger/event.ts';
import { systemProgram } from '../ledger/wellKnown.ts';
import { folderStore } from './folderStore.ts';
import type { LedgerStore } from './ledgerStore.ts';

const account = (lamports: number): LedgerEvent => ({
  kind: 'account',
  change: {
    address: addressOf(new Uint8Array(32).fill(lamports)),
    account: { lamports: BigInt(lamports), data: new Uint8Array(100), owner: systemProgram, executable: false },
  },
});
const checkpoint: LedgerEvent = {
  kind: 'checkpoint',
  checkpoint: { slot: 9, unixTimestamp: 8, epochStartTimestamp: 7, transactionCount: 6, blocks: [] },
};

describe('folderStore', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'karmesh-store-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const open = (parts?: Parameters<ReturnType<typeof folderStore>>[0]) =>
    folderStore({ folder, maxLogBytes: 1_000 })(parts);
  const contents = async (store: LedgerStore) => {
    const events: LedgerEvent[] = [];
    for await (const each of store.recovered()) events.push(...each);
    return events;
  };

  test('gives back what was appended', async () => {
    {
      await using store = await open();
      await store.append([account(1), account(2)]);
      await store.append([account(3)]);
    }
    await using store = await open();
    expect(await contents(store)).toEqual([account(1), account(2), account(3)]);
  });

  test('cuts a torn end and goes on after it', async () => {
    const path = join(folder, 'ledger-0.log');
    {
      await using store = await open();
      await store.append([account(1)]);
      await store.append([account(2)]);
    }
    const { length } = await readFile(path);
    await truncate(path, length - 5);
    {
      await using store = await open();
      expect(await contents(store)).toEqual([account(1)]);
      await store.append([account(3)]);
    }
    await appendFile(path, Buffer.alloc(40));
    await using store = await open();
    expect(await contents(store)).toEqual([account(1), account(3)]);
  });

  test('refuses a log that is damaged before its end', async () => {
    const path = join(folder, 'ledger-0.log');
    {
      await using store = await open();
      await store.append([account(1)]);
      await store.append([account(2)]);
    }
    const bytes = await readFile(path);
    bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
    await writeFile(path, bytes);
    await expect(open()).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  test('restates its log when that has grown, and drops the old one', async () => {
    {
      await using store = await open();
      expect(store.checkpointDue()).toBe(false);
      for (let round = 0; round < 10; round += 1) await store.append([account(round)]);
      expect(store.checkpointDue()).toBe(true);
      expect(await store.checkpoint([account(9), checkpoint])).toBeUndefined();
      expect(store.checkpointDue()).toBe(false);
      await store.append([account(10)]);
    }
    expect(await readdir(folder)).toEqual(['ledger-1.log']);
    await using store = await open();
    expect(await contents(store)).toEqual([account(9), checkpoint, account(10)]);
  });

  test('goes on with the old log if it was killed while restating it', async () => {
    {
      await using store = await open();
      await store.append([account(1)]);
    }
    await using unfinished = await openAppendLog({ path: join(folder, 'ledger-1.log') });
    await unfinished.close();
    {
      await using store = await open();
      expect(await contents(store)).toEqual([account(1)]);
    }
    expect(await readdir(folder)).toEqual(['ledger-0.log']);
  });

  test('goes on with the old log if the disk is full while it restates it', async () => {
    const full = new KarmeshError('DISK_FULL', 'The disk is full; nothing was changed.');
    {
      await using store = await open({
        openLog: async (options) => {
          const log = await openAppendLog(options);
          return options.path.endsWith('ledger-0.log') ? log : { ...log, append: () => Promise.reject(full) };
        },
      });
      await store.append([account(1)]);
      expect(await store.checkpoint([account(1), checkpoint])).toBe(full);
      await store.append([account(2)]);
    }
    await using store = await open();
    expect(await contents(store)).toEqual([account(1), account(2)]);
  });
});
