import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { firstBreak, fromHex, logLeafHash, logRoot, readCheckpoint } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { openDatabase } from '../store/openDatabase.ts';
import { findEntrance, readLeaves, readTip } from './logStore.ts';

const gateway = new Uint8Array(32).fill(1);

const processOf = (script: URL, ...args: readonly string[]) =>
  spawn(execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });

/** Kills a writer with SIGKILL after so many lines, while it goes on writing; what it has said by then. */
async function killedAfter(dataFolder: string, lines: number) {
  const child = processOf(new URL('./killWriter.ts', import.meta.url), dataFolder);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let [flushed, seen] = [0, 0];
  const served: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    const [, kind, rest = ''] = /^(served|flushed) (.*)$/.exec(line) ?? [];
    if (kind === 'served') served.push(JSON.parse(rest));
    else if (kind === 'flushed') flushed = Number(rest);
    seen += 1;
    if (seen >= lines) child.kill('SIGKILL');
  }
  await closed;
  return { flushed, served };
}

test('a log that is killed holds all that it acknowledged and every checkpoint that it served, and goes on', {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-log-kill-'));
  try {
    const served: string[] = [];
    let size = 0;
    for (const lines of [7, 40, 111]) {
      const killed = await killedAfter(folder, lines);
      served.push(...killed.served);
      await using database = await openDatabase({
        dataFolder: folder,
        domain: new Uint8Array(32),
        participant: gateway,
      });
      const stored = { db: database.db };
      const tip = await readTip(stored);
      expect(tip.size).toBeGreaterThanOrEqual(killed.flushed);
      expect(killed.flushed).toBeGreaterThan(size);
      size = tip.size;
      const leaves = await readLeaves(stored, { start: 0, end: size });
      expect(leaves).toHaveLength(size);
      expect(firstBreak(leaves)).toBeUndefined();
      const hashes = leaves.map(logLeafHash);
      for (const note of served) {
        const checkpoint = readCheckpoint(note)?.checkpoint;
        expect(checkpoint?.root).toEqual(logRoot(hashes.slice(0, checkpoint?.size)));
        expect(checkpoint?.size).toBeLessThanOrEqual(size);
      }
    }
    // More than the one of each opening.
    expect(served.length).toBeGreaterThan(6);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('G-13: every ticket that a worker read before its gateway was killed is in the log', {
  timeout: 120_000,
}, async () => {
  const child = processOf(new URL('./killMarket.ts', import.meta.url));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let folder = '';
  const read = new Set<string>();
  for await (const line of createInterface(child.stdout)) {
    const [, kind, rest = ''] = /^(folder|read) (.*)$/.exec(line) ?? [];
    if (kind === 'folder') folder = rest;
    else if (kind === 'read') read.add(rest);
    if (read.size >= 8) child.kill('SIGKILL');
  }
  await closed;
  try {
    await using database = await openDatabase({
      dataFolder: folder,
      domain: new Uint8Array(32).fill(1),
      participant: new Uint8Array(32).fill(2),
    });
    const { db } = database;
    for (const ticketHash of read) expect(await findEntrance({ db }, fromHex(ticketHash))).toBeDefined();
    const { size } = await readTip({ db });
    expect(firstBreak(await readLeaves({ db }, { start: 0, end: size }))).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
