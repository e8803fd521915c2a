import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { slotHashesSysvar, systemProgram, voteProgram } from './ledger/wellKnown.ts';
import { type Localnet, startLocalnet } from './startLocalnet.ts';

describe('startLocalnet', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'karmesh-localnet-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const call = async ({ rpcUrl }: Pick<Localnet, 'rpcUrl'>, method: string, ...params: readonly unknown[]) => {
    const response = await fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    return ((await response.json()) as { result: unknown }).result;
  };

  test('is the same cluster after a restart, with the same slots and hashes', async () => {
    const seen = async (localnet: Localnet) => ({
      genesisHash: localnet.genesisHash,
      slot: await call(localnet, 'getSlot', { commitment: 'confirmed' }),
      slotHashes: await call(localnet, 'getAccountInfo', slotHashesSysvar, { encoding: 'base64' }),
      latest: await call(localnet, 'getLatestBlockhash'),
      balance: await call(localnet, 'getBalance', voteProgram),
    });
    let before: unknown;
    {
      await using localnet = await startLocalnet({ dataDir: folder, slotMs: 'manual' });
      await call(localnet, 'requestAirdrop', voteProgram, 1_000_000);
      expect(await localnet.tick(20)).toBe(21);
      before = await seen(localnet);
    }
    await using localnet = await startLocalnet({ dataDir: folder, slotMs: 'manual' });
    expect(await seen(localnet)).toEqual(before);
  });

  test('two clusters never share a genesis hash', async () => {
    await using first = await startLocalnet({ slotMs: 'manual' });
    await using second = await startLocalnet({ slotMs: 'manual' });
    expect(first.genesisHash).not.toBe(second.genesisHash);
  });

  test('keeps a second process off its folder', async () => {
    await using localnet = await startLocalnet({ dataDir: folder, slotMs: 'manual' });
    await expect(startLocalnet({ dataDir: folder, slotMs: 'manual' })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      facts: { pid: process.pid },
    });
    expect(await call(localnet, 'getHealth')).toBe('ok');
  });

  test('names a port that is taken, and leaves nothing locked', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(startLocalnet({ dataDir: folder, slotMs: 'manual', port })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      facts: { port, websocketPort: port + 1, errno: 'EADDRINUSE' },
    });
    await using localnet = await startLocalnet({ dataDir: folder, slotMs: 'manual' });
    expect(await call(localnet, 'getHealth')).toBe('ok');
    await new Promise((resolve) => taken.close(resolve));
  });

  test('refuses programs that it cannot load', async () => {
    const text = join(folder, 'text.so');
    await writeFile(text, 'no program');
    const start = (id: string, path: string) =>
      startLocalnet({ dataDir: join(folder, 'data'), slotMs: 'manual', programs: [{ id, path }] });
    await expect(start(voteProgram, text)).rejects.toThrow('A program file is no ELF of at most 10 MiB.');
    await expect(start(voteProgram, join(folder, 'none.so'))).rejects.toThrow('A program file does not exist.');
    await expect(start('nobody', text)).rejects.toThrow("A program's id is no address of 32 bytes in base58.");
    expect(await readdir(folder)).toEqual(['text.so']);
  });

  test('ends a slot by its timer', async () => {
    await using localnet = await startLocalnet({ slotMs: 5 });
    const socket = new WebSocket(localnet.wsUrl);
    const told = Promise.withResolvers<unknown>();
    socket.onopen = () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'slotSubscribe' }));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(String(data)) as { method?: string; params?: { result: unknown } };
      if (message.method === 'slotNotification') told.resolve(message.params?.result);
    };
    const { slot, parent, root } = (await told.promise) as { slot: number; parent: number; root: number };
    expect([parent, root]).toEqual([slot - 1, slot - 1]);
    socket.close();
  });

  test('refuses a damaged genesis, and a program of another build', async () => {
    await using _ = await startLocalnet({ dataDir: folder, slotMs: 'manual' });
    await _[Symbol.asyncDispose]();
    const elf = join(folder, 'other.so');
    await writeFile(elf, Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(100)]));
    await expect(
      startLocalnet({ dataDir: folder, slotMs: 'manual', programs: [{ id: systemProgram, path: elf }] }),
    ).rejects.toMatchObject({ code: 'PROGRAM_MISMATCH' });
    await writeFile(join(folder, 'genesis.json'), '{}');
    await expect(startLocalnet({ dataDir: folder, slotMs: 'manual' })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: 'The genesis file is damaged.',
    });
  });
});
