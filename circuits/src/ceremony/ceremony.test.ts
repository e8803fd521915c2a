import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, watch, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CircuitsError } from '../errors.ts';
import { SMALL_BEACON, smallCeremony, smallConstraints, smallPowers } from '../fixtures/smallCeremony.ts';
import { admitKey } from '../keys/admitKey.ts';
import { developmentKey } from '../keys/developmentKey.ts';
import { inspectKey } from '../keys/inspectKey.ts';
import { endSnarkjs } from '../prove/snarkjsProver.ts';
import { applyBeacon } from './applyBeacon.ts';
import { beginKey } from './beginKey.ts';
import { beginPowers } from './beginPowers.ts';
import { contribute } from './contribute.ts';
import { snarkjsVerdict } from './snarkjsPhases.ts';
import { verifyPowers } from './verifyPowers.ts';

let folder: string;
let powersOfTau: Awaited<ReturnType<typeof smallPowers>>;
let made: Awaited<ReturnType<typeof smallCeremony>>;
const names = ['a worker', 'a validator', 'a buyer'];
const at = (name: string): string => join(folder, name);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-ceremony-'));
  powersOfTau = await smallPowers(folder, 'powers');
  made = await smallCeremony(folder, { name: 'key', powersOfTau, weight: 3n, names });
});
afterAll(async () => {
  await endSnarkjs();
  await rm(folder, { recursive: true });
});

test('powers of tau are made by several, verified by snarkjs and named by their hash', async () => {
  expect(await verifyPowers(powersOfTau.path)).toEqual({ verdict: 'accept', power: 4, hash: powersOfTau.hash });
  expect(await verifyPowers(at('powers-two.ptau'))).toEqual({
    verdict: 'reject',
    fault: 'they are not prepared for a second phase',
  });
  const bytes = await readFile(powersOfTau.path);
  // Within the powers of tau in the first group, which stand behind the header.
  bytes.copyWithin(12 + 12 + 44 + 12 + 64, 12 + 12 + 44 + 12 + 128, 12 + 12 + 44 + 12 + 192);
  await writeFile(at('other.ptau'), bytes);
  expect(await verifyPowers(at('other.ptau'))).toMatchObject({
    verdict: 'reject',
    fault: expect.stringMatching(/^they do not follow from their contributions: ./),
  });
});

test('a key says who contributed what, as snarkjs told each of them', async () => {
  const { contributions, circuitHash } = inspectKey(await readFile(made.final));
  expect(hex(circuitHash)).toBe(hex(made.circuitHash));
  expect(contributions.map(({ hash, ...said }) => ({ ...said, hash: hex(hash) }))).toEqual([
    ...names.map((name, i) => ({ kind: 'contribution', name, hash: hex(made.hashes[i] ?? new Uint8Array(0)) })),
    {
      kind: 'beacon',
      name: 'beacon',
      hash: expect.stringMatching(/^[0-9a-f]{128}$/),
      beacon: { value: Uint8Array.from(SMALL_BEACON), iterations: 10 },
    },
  ]);
});

test('everybody begins with the same bytes', async () => {
  const path = at('again.zkey');
  await beginKey({ constraints: [smallConstraints(3n)], powersOfTau, path });
  expect((await readFile(path)).equals(await readFile(made.begun))).toBe(true);
});

test('what is no ceremony’s file, or one that has ended, takes no contribution', async () => {
  const development = at('development.zkey');
  await developmentKey({ constraints: [smallConstraints(3n)], seed: new Uint8Array(32), path: development });
  await writeFile(at('words.txt'), 'These are words.');
  const refusal = (from: string, to = 'refused'): Promise<string> =>
    contribute({ from, to: at(to), name: 'somebody' }).then(
      () => 'taken',
      (error: Error) => error.message,
    );
  expect({
    ended: await refusal(made.final),
    prepared: await refusal(powersOfTau.path),
    development: await refusal(development),
    words: await refusal(at('words.txt')),
    there: await refusal(made.begun, 'key-final.zkey'),
  }).toMatchInlineSnapshot(`
    {
      "development": "Contributions do not make an INSECURE DEVELOPMENT KEY secure.",
      "ended": "This ceremony has ended: a beacon stands behind its contributions.",
      "prepared": "This ceremony has ended: its second phase is prepared.",
      "there": "The file is there already.",
      "words": "This is neither a .ptau nor a .zkey file.",
    }
  `);
  await expect(contribute({ from: made.begun, to: at('refused'), name: 'ä' })).rejects.toThrow(
    'A contributor’s name is 1 to 64 printable characters of ASCII.',
  );
  expect((await readdir(folder)).filter((name) => name.includes('refused') || name.includes('partial'))).toEqual([]);
});

test('a key begins with the powers of tau that are pinned, prepared and large enough', async () => {
  const constraints = [smallConstraints(3n)];
  const refusal = (options: Partial<Parameters<typeof beginKey>[0]>): Promise<unknown> =>
    beginKey({ constraints, powersOfTau, path: at('refused.zkey'), ...options }).catch((error: CircuitsError) =>
      [error.message, error.facts.said].join(' ').trim(),
    );
  await beginPowers({ path: at('tiny-begun.ptau'), power: 1 });
  await contribute({ from: at('tiny-begun.ptau'), to: at('tiny-one.ptau'), name: 'one' });
  await applyBeacon({ from: at('tiny-one.ptau'), to: at('tiny.ptau'), beacon: SMALL_BEACON, iterations: 10 });
  const tiny = await verifyPowers(at('tiny.ptau'));
  if (tiny.verdict === 'reject') throw new Error(tiny.fault);
  expect({
    other: await refusal({ powersOfTau: { ...powersOfTau, hash: new Uint8Array(32) } }),
    unprepared: await refusal({ powersOfTau: { ...powersOfTau, path: at('powers-two.ptau') } }),
    small: await refusal({ powersOfTau: { path: at('tiny.ptau'), hash: tiny.hash } }),
  }).toMatchInlineSnapshot(`
    {
      "other": "These are other powers of tau than those that are pinned.",
      "small": "snarkjs does not take the file. circuit too big for this power of tau ceremony. 2*2 > 2**1",
      "unprepared": "The powers of tau are not prepared for a second phase.",
    }
  `);
});

test('beacons are bounded, so that checking one takes seconds', async () => {
  const ending = (options: object): Promise<unknown> =>
    applyBeacon({ from: made.last, to: at('refused.zkey'), beacon: SMALL_BEACON, iterations: 10, ...options });
  await expect(ending({ iterations: 9 })).rejects.toThrow('A beacon is hashed between 2^10 and 2^24 times.');
  await expect(ending({ iterations: 25 })).rejects.toThrow('A beacon is hashed between 2^10 and 2^24 times.');
  await expect(ending({ beacon: new Uint8Array(0) })).rejects.toThrow('A beacon has 1 to 255 bytes.');
});

test('snarkjs alone accepts a key to which nobody contributed, and a verification can be aborted', async () => {
  const args = ['zkvi', made.begun, powersOfTau.path, made.begun];
  expect(await snarkjsVerdict(args)).toEqual({ accepts: true, said: 'ZKey Ok!' });
  await expect(snarkjsVerdict(args, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
});

test('a process that is killed while it contributes leaves nothing that passes for a key or for powers of tau', async () => {
  // Powers of which a contribution takes seconds, so that it is killed within.
  const from = at('large-begun.ptau');
  await beginPowers({ path: from, power: 12 });
  const program = fileURLToPath(new URL('../fixtures/contributeProcess.ts', import.meta.url));
  const own = await mkdtemp(join(folder, 'killed-'));
  const changes = watch(own)[Symbol.asyncIterator]();
  const begun = changes.next();
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, from, join(own, 'to.ptau')],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const exited = once(child, 'exit');
  await begun;
  child.kill('SIGKILL');
  expect((await exited)[1]).toBe('SIGKILL');
  await changes.return?.();
  const left = await readdir(own);
  expect(left).toEqual([expect.stringMatching(/^to\.ptau\.[0-9a-f-]{36}\.partial$/)]);
  // Not even under its own name.
  const verdict = verifyPowers(join(own, left[0] ?? '')).catch((error: Error) => error.message);
  expect(await verdict).not.toMatchObject({ verdict: 'accept' });
});

test('a beginning is no key, however it is admitted', async () => {
  const policy = { allowsDevelopmentKeys: true, contributions: 0 };
  const beginning = { zkey: made.begun, powersOfTau: powersOfTau.path };
  expect(await admitKey({ zkey: made.begun, beginning, policy })).toMatchObject({ verdict: 'reject', rule: 'Z-20' });
});
