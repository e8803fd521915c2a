import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Commitment, Connection, Keypair, type PublicKey } from '@solana/web3.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startCluster } from '../../harness/cluster.ts';
import { signed, transfer } from './wallet.ts';

const commitment: Commitment = 'confirmed';
const lamports = 1_000_000;

type Confirmed = { readonly signature: string; readonly to: PublicKey };

/** Sends transfers one after the other on several lanes until the cluster is gone, and says which were confirmed. */
async function transferUntilGone(connection: Connection, payers: readonly Keypair[]): Promise<readonly Confirmed[]> {
  const confirmed: Confirmed[] = [];
  const lane = async (payer: Keypair): Promise<void> => {
    for (;;) {
      const to = Keypair.generate().publicKey;
      const instructions = [transfer(payer.publicKey, to, lamports)];
      const { transaction } = await signed({ connection, payer, instructions });
      const signature = await connection.sendRawTransaction(transaction.serialize());
      // The answer to sendTransaction is already the confirmation.
      confirmed.push({ signature, to });
    }
  };
  await Promise.allSettled(payers.map(lane));
  return confirmed;
}

describe('localnet: what was confirmed survives kill -9', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'karmesh-durability-'));
  });

  afterEach(async () => {
    await rm(dataDir, { recursive: true, force: true });
  });

  test.each([
    ['while its log grows', 32 * 2 ** 20],
    ['while it restates its log again and again', 2 ** 16],
  ])('killed at random moments %s, it has every confirmed transfer afterwards', async (_, maxLogBytes) => {
    const confirmed: Confirmed[] = [];
    const genesis = new Set<string>();
    let lastSlot = 0;
    let payers: readonly Keypair[] = [];
    for (let round = 0; round < 3; round += 1) {
      await using cluster = await startCluster({ dataDir, maxLogBytes });
      const connection = new Connection(cluster.rpcUrl, { commitment, disableRetryOnRateLimit: true });
      genesis.add(await connection.getGenesisHash());
      if (payers.length === 0) {
        payers = await Promise.all([1, 2, 3, 4].map(() => airdropped(connection)));
      }
      expect(await connection.getSlot()).toBeGreaterThanOrEqual(lastSlot);
      await expectAll(connection, confirmed);

      const sending = transferUntilGone(connection, payers);
      // How far it gets is up to chance, as it is when a machine loses its power.
      await slotsPass(cluster.wsUrl, randomInt(4, 16));
      lastSlot = await connection.getSlot();
      await cluster.kill();
      const landed = await sending;
      expect(landed.length).toBeGreaterThan(0);
      confirmed.push(...landed);
    }
    await using cluster = await startCluster({ dataDir, maxLogBytes });
    const connection = new Connection(cluster.rpcUrl, commitment);
    await expectAll(connection, confirmed);
    expect(genesis.size).toBe(1);
    expect(await connection.getGenesisHash()).toBe([...genesis][0]);
  });
});

/** localnet has confirmed an airdrop when it answers, so that no subscription is needed. */
async function airdropped(connection: Connection): Promise<Keypair> {
  const wallet = Keypair.generate();
  await connection.requestAirdrop(wallet.publicKey, 1_000_000_000_000);
  return wallet;
}

async function expectAll(connection: Connection, confirmed: readonly Confirmed[]): Promise<void> {
  for (let at = 0; at < confirmed.length; at += 100) {
    const part = confirmed.slice(at, at + 100);
    const accounts = await connection.getMultipleAccountsInfo(part.map(({ to }) => to));
    expect(accounts.map((account) => account?.lamports)).toEqual(part.map(() => lamports));
    const { value } = await connection.getSignatureStatuses(part.map(({ signature }) => signature));
    expect(value.map((status) => status?.err)).toEqual(part.map(() => null));
  }
}

/** web3.js would go on looking for a socket that the test has killed. */
async function slotsPass(wsUrl: string, slots: number): Promise<void> {
  const passed = Promise.withResolvers<void>();
  const socket = new WebSocket(wsUrl);
  let seen = -1;
  socket.onopen = () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'slotSubscribe' }));
  socket.onmessage = () => {
    seen += 1;
    if (seen === slots) passed.resolve();
  };
  socket.onerror = () => passed.reject(new Error('The websocket failed.'));
  await passed.promise;
  socket.close();
}
