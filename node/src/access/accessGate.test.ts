import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@karmesh/sdk/clock';
import { toBase58 } from '@karmesh/sdk/program';
import { logger } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { accessFiles, participantName } from './accessFiles.ts';
import { openAccessGate } from './accessGate.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-access-'));
});
afterEach(() => rm(folder, { recursive: true }));

const name = (fill: number) => participantName.parse(toBase58(new Uint8Array(32).fill(fill)));
const log = logger({ name: 'karmesh-worker', level: 'silent' })();
const open = () => openAccessGate({ files: accessFiles(folder), clock: systemClock, log });

test('W-20: who asks waits until the operator grants it, and again once that is revoked', async () => {
  await using gate = await open();
  expect([gate.isGranted(name(1)), await gate.ask(name(1)), await gate.ask(name(1))]).toEqual([
    false,
    'waiting',
    'waiting',
  ]);
  const operator = accessFiles(folder);
  expect(await operator.asked()).toEqual([{ participant: name(1), atMs: expect.any(Number) }]);
  await operator.writeGranted([name(1)]);
  expect([await gate.ask(name(1)), gate.isGranted(name(1)), gate.isGranted(name(2))]).toEqual(['granted', true, false]);
  await operator.writeGranted([]);
  await gate.look();
  expect(gate.isGranted(name(1))).toBe(false);
});

test('what was granted and asked is remembered, in files that nobody else can read', async () => {
  {
    await using gate = await open();
    await Promise.all([gate.ask(name(1)), gate.ask(name(2))]);
  }
  await accessFiles(folder).writeGranted([name(2)]);
  await using again = await open();
  expect([await again.ask(name(1)), again.isGranted(name(2))]).toEqual(['waiting', true]);
  for (const file of ['granted.json', 'asked.json'])
    expect((await stat(join(folder, 'access', file))).mode & 0o777).toBe(0o600);
});

test('no more gateways wait than an operator could look through', async () => {
  const waiting = Array.from({ length: 1_024 }, (_, i) => {
    const participant = new Uint8Array(32).fill(7);
    new DataView(participant.buffer).setUint32(0, i);
    return { participant: participantName.parse(toBase58(participant)), atMs: i };
  });
  await accessFiles(folder).writeAsked(waiting);
  await using gate = await open();
  expect([await gate.ask(name(1)), await gate.ask(waiting[5]?.participant ?? name(1))]).toEqual(['full', 'waiting']);
});

test.each(['', '{', '{}', '["0"]', '[1]', `["${'1'.repeat(45)}"]`, 'x'.repeat(300_000)])(
  'a damaged list is refused at the start, and later leaves the one before it in force',
  async (text) => {
    await using gate = await open();
    await accessFiles(folder).writeGranted([name(1)]);
    await gate.look();
    const path = join(folder, 'access', 'granted.json');
    await writeFile(path, text);
    await gate.look();
    expect(gate.isGranted(name(1))).toBe(true);
    await expect(open()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: 'An access list is damaged; restore it, or remove it and grant anew.',
      facts: { path },
    });
  },
);

test('an ask that cannot be remembered is not answered, and can be asked again', async () => {
  await using gate = await open();
  // A file where the folder should be, as a full or broken disk leaves it: nothing can be written.
  await writeFile(join(folder, 'access'), '');
  await expect(gate.ask(name(1))).rejects.toMatchObject({ code: 'STORE_FAILED' });
  await rm(join(folder, 'access'));
  expect(await gate.ask(name(1))).toBe('waiting');
  expect(JSON.parse(await readFile(join(folder, 'access', 'asked.json'), 'utf8'))).toHaveLength(1);
});
