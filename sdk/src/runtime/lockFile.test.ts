import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireLockFile } from './lockFile.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-lock-'));
  path = join(folder, 'node.lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Contender = { readonly child: ChildProcess; readonly said: string };

/** A process that tries to take the lock, prints `held` or the error's code, and keeps what it has until it is killed. */
async function contend(): Promise<Contender> {
  const script = `
    import { acquireLockFile } from ${JSON.stringify(new URL('./lockFile.ts', import.meta.url).href)};
    const said = await acquireLockFile(${JSON.stringify(path)}).then(() => 'held', (error) => error.code);
    process.stdout.write(said + '\\n');
    setInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('The child has no stdout.');
  const [chunk] = await once(child.stdout, 'data');
  return { child, said: String(chunk).trim() };
}

async function kill({ child }: Contender): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

test('names its owner while held and nobody afterwards', async () => {
  const lock = await acquireLockFile(path);
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(lock.owner);
  expect(lock.owner.pid).toBe(process.pid);
  await lock.release();
  await lock.release();
  await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a second taker in the same process is told who holds it', async () => {
  await using lock = await acquireLockFile(path);
  await expect(acquireLockFile(path)).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    message: 'Another process uses this data folder.',
    facts: { path, ...lock.owner },
  });
});

test('a living process keeps it, and its death by kill -9 gives it back', async () => {
  const holder = await contend();
  try {
    expect(holder.said).toBe('held');
    await expect(acquireLockFile(path)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      facts: { pid: holder.child.pid },
    });
  } finally {
    await kill(holder);
  }
  // The dead owner's name is still in the file, but not its lock.
  expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: holder.child.pid });
  await using lock = await acquireLockFile(path);
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(lock.owner);
});

test('of several that come for a dead owner’s lock at once, one gets it', async () => {
  await kill(await contend());
  const contenders = await Promise.all([contend(), contend(), contend(), contend()]);
  try {
    const said = contenders.map((each) => each.said).sort();
    expect(said).toEqual(['STORE_LOCKED', 'STORE_LOCKED', 'STORE_LOCKED', 'held']);
  } finally {
    await Promise.all(contenders.map(kill));
  }
});

test('a released lock can be taken again', async () => {
  await (await acquireLockFile(path)).release();
  await using lock = await acquireLockFile(path);
  expect(lock.owner.pid).toBe(process.pid);
});
