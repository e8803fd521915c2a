import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AppendLog, openAppendLog } from './appendLog.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-log-'));
  path = join(folder, 'receipts.log');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function texts(log: AppendLog): Promise<string[]> {
  const out: string[] = [];
  for await (const record of log.read()) out.push(new TextDecoder().decode(record));
  return out;
}

async function write(records: readonly string[]): Promise<void> {
  await using log = await openAppendLog({ path });
  for (const record of records) await log.append(bytes(record));
}

async function reopen(): Promise<{ readonly records: string[]; readonly cutBytes: number }> {
  await using log = await openAppendLog({ path });
  return { records: await texts(log), cutBytes: log.cutBytes };
}

describe('append and read', () => {
  test('records come back in order after opening again, the empty one too', async () => {
    await write(['one', '', 'three']);
    expect(await reopen()).toEqual({ records: ['one', '', 'three'], cutBytes: 0 });
  });

  test('records appended together share a frame and keep their order', async () => {
    const all = Array.from({ length: 500 }, (_, index) => `record ${index}`);
    await using log = await openAppendLog({ path });
    await Promise.all(all.map((record) => log.append(bytes(record))));
    expect(log.records).toBe(500);
    expect(await texts(log)).toEqual(all);
    const { size } = await stat(path);
    const unshared = 8 + all.reduce((sum, record) => sum + 12 + record.length, 0);
    expect(size).toBeLessThan(unshared);
  });

  test('a record is copied when it is appended', async () => {
    await using log = await openAppendLog({ path });
    const record = bytes('before');
    const done = log.append(record);
    record.set(bytes('after!'));
    await done;
    expect(await texts(log)).toEqual(['before']);
  });

  test('a record over the limit is refused and the log stays usable', async () => {
    await using log = await openAppendLog({ path, maxRecordBytes: 4 });
    await expect(log.append(bytes('12345'))).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      facts: { path, bytes: 5, maxRecordBytes: 4 },
    });
    await log.append(bytes('1234'));
    expect(await texts(log)).toEqual(['1234']);
  });

  test('records at the limit that arrive together are all read again', async () => {
    const all = ['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee'];
    {
      await using log = await openAppendLog({ path, maxRecordBytes: 4 });
      await Promise.all(all.map((record) => log.append(bytes(record))));
    }
    await using log = await openAppendLog({ path, maxRecordBytes: 4 });
    expect(await texts(log)).toEqual(all);
  });

  test('closing waits for what was appended and refuses what comes later', async () => {
    const log = await openAppendLog({ path });
    const done = log.append(bytes('last'));
    await log.close();
    await done;
    await expect(log.append(bytes('late'))).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await reopen()).toEqual({ records: ['last'], cutBytes: 0 });
  });
});

describe('what a crash leaves', () => {
  test('a log cut at any byte of its last frame opens with every earlier record', async () => {
    await write(['first', 'second']);
    const { length: start } = await readFile(path);
    await write(['third']);
    const whole = await readFile(path);
    for (let length = start; length < whole.length; length += 1) {
      await writeFile(path, whole.subarray(0, length));
      expect(await reopen()).toEqual({ records: ['first', 'second'], cutBytes: length - start });
      expect((await stat(path)).size).toBe(start);
    }
  });

  test('appending goes on after a torn end', async () => {
    await write(['first', 'torn']);
    await truncate(path, (await stat(path)).size - 1);
    await write(['second']);
    expect(await reopen()).toEqual({ records: ['first', 'second'], cutBytes: 0 });
  });

  test('an end of zeros, which some file systems leave, is cut', async () => {
    await write(['first']);
    const whole = await readFile(path);
    await writeFile(path, Buffer.concat([whole, Buffer.alloc(4096)]));
    expect(await reopen()).toEqual({ records: ['first'], cutBytes: 4096 });
  });

  test('a file cut inside its first eight bytes is a new log', async () => {
    await write(['first']);
    await truncate(path, 5);
    expect(await reopen()).toEqual({ records: [], cutBytes: 0 });
  });
});

describe('what is refused', () => {
  test('a flipped byte before the end is damage, and the file is left as it is', async () => {
    await write(['first', 'second', 'third']);
    const whole = await readFile(path);
    const lastFrame = whole.length - (8 + 4 + 'third'.length);
    for (let at = 8; at < lastFrame; at += 1) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x01;
      await writeFile(path, damaged);
      await expect(openAppendLog({ path })).rejects.toMatchObject({ code: 'STORE_FAILED' });
      expect(await readFile(path)).toEqual(damaged);
    }
  });

  test('a file of another kind is not touched', async () => {
    await writeFile(path, 'not a log at all');
    await expect(openAppendLog({ path })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: 'The file is not a log of Karmesh.',
    });
    expect(await readFile(path, 'utf8')).toBe('not a log at all');
  });

  test('a folder that does not exist is named', async () => {
    const missing = join(folder, 'none', 'receipts.log');
    await expect(openAppendLog({ path: missing })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      facts: { path: missing, errno: 'ENOENT' },
    });
  });
});

describe('kill -9', () => {
  /** A process that appends 0, 1, 2, … in bursts and prints each number once it is acknowledged. */
  function appendForever(): ChildProcess {
    const script = `
      import { openAppendLog } from ${JSON.stringify(new URL('./appendLog.ts', import.meta.url).href)};
      import { writeSync } from 'node:fs';
      const log = await openAppendLog({ path: ${JSON.stringify(path)} });
      let next = log.records;
      for (;;) {
        await Promise.all(Array.from({ length: 7 }, async () => {
          const record = new Uint8Array(4 + (next % 300));
          const number = next++;
          new DataView(record.buffer).setUint32(0, number, true);
          await log.append(record);
          writeSync(1, number + '\\n');
        }));
      }`;
    return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  test('loses no acknowledged record in ten kills', async () => {
    let acknowledged = -1;
    for (let round = 0; round < 10; round += 1) {
      const child = appendForever();
      const { stdout } = child;
      if (stdout === null) throw new Error('The child has no stdout.');
      const closed = new Promise((resolve) => child.once('close', resolve));
      let heard = 0;
      for await (const line of createInterface({ input: stdout })) {
        acknowledged = Math.max(acknowledged, Number(line));
        heard += 1;
        if (heard === 50 + round * 13) child.kill('SIGKILL');
      }
      await closed;
      await using log = await openAppendLog({ path });
      let expected = 0;
      for await (const record of log.read()) {
        expect(new DataView(record.buffer, record.byteOffset).getUint32(0, true)).toBe(expected);
        expect(record.length).toBe(4 + (expected % 300));
        expected += 1;
      }
      expect(expected).toBeGreaterThan(acknowledged);
    }
  });
});
