import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { hash, toHex } from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUNDLED_KEYS_PATH, BUNDLED_MODEL_PATH } from '../../../models/bundled.ts';
import { modelKeyTree, readModelKeys } from '../../../models/modelKeys.ts';
import type { ChallengeJob } from '../../challengeProver.ts';
import { type ExactEngine, exactEngine } from '../exactEngine.ts';
import { tokenProver } from './tokenProver.ts';

const named = (name: string) => hash(new TextEncoder().encode(name));
const PROVEN_BEFORE_THE_KILL = 2;

let folder: string;
let engine: ExactEngine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-prover-'));
  engine = await exactEngine({ modelPath: BUNDLED_MODEL_PATH, cacheFolder: folder });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Waits until the folder has so many proofs, and gives when each was written. */
async function proofsIn(place: string, count: number): Promise<ReadonlyMap<string, number>> {
  for (;;) {
    const names = (await readdir(place).catch(() => [])).filter((name) => name.endsWith('.proof'));
    if (names.length >= count) {
      const times = names.map(async (name) => [name, (await stat(join(place, name))).mtimeMs] as const);
      return new Map(await Promise.all(times));
    }
    await pause(200);
  }
}

/** The processes that this one started and that prove. */
function proving(): readonly number[] {
  const rows = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  return rows.split('\n').flatMap((row) => (row.includes('provingProcess') ? [Number.parseInt(row, 10)] : []));
}

test('a prover that is killed keeps what it has proven, and goes on behind it when an auditor asks again', {
  timeout: 900_000,
}, async () => {
  const messages = [{ role: 'user' as const, content: 'Hi' }];
  const asked = { requestId: named('request'), messages, maxTokens: 4, temperatureMicro: 0, stops: [] };
  const blinding = named('blinding');
  const { outputTokens } = await engine.generate({ ...asked, hiddenBy: blinding });
  const { modelId } = engine.describe();
  const keys = await readModelKeys(BUNDLED_KEYS_PATH);
  expect(keys.modelId).toEqual(modelId);
  const request: ChallengeJob['request'] = { ...asked, modelId, assurance: 'proof', blinding };
  const entryHash = named('entry');
  const place = { epoch: 3n, beacon: named('beacon'), entryHash };
  const job: ChallengeJob = { ...place, requestId: asked.requestId, request, tokens: outputTokens };
  const challenges = join(folder, 'challenges');
  const at = join(challenges, '3', toHex(entryHash), toHex(modelKeyTree(named('cluster'), keys).root.hash));
  const open = () =>
    tokenProver({ folder: challenges, keysFolder: join(folder, 'proofs') })({
      engine,
      domain: named('cluster'),
      keys,
      provingKeys: { kind: 'development', seed: keys.developmentSeed ?? new Uint8Array(32) },
      log: logger({ name: 'test', level: 'silent' })(),
    });
  let before: ReadonlyMap<string, number>;
  {
    await using prover = open();
    expect(await prover.answer(job)).toBeUndefined();
    expect(await prover.answer(job)).toBeUndefined();
    before = await proofsIn(at, PROVEN_BEFORE_THE_KILL);
    const pids = proving();
    // Asked twice, it is proven once.
    expect(pids.length).toBe(1);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  }
  expect(proving()).toEqual([]);
  await using again = open();
  expect(await again.answer(job)).toBeUndefined();
  const after = await proofsIn(at, before.size + 1);
  for (const [name, written] of before) expect([name, after.get(name)]).toEqual([name, written]);
  await again.dropUpTo(3n);
});
