import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyBeacon } from '../ceremony/applyBeacon.ts';
import { contribute } from '../ceremony/contribute.ts';
import { SMALL_BEACON, smallCeremony, smallConstraints, smallPowers } from '../fixtures/smallCeremony.ts';
import { endSnarkjs, verifyingKeyBytes } from '../prove/snarkjsProver.ts';
import { developmentKey } from './developmentKey.ts';
import { type FoundKey, findKey } from './findKey.ts';
import { readKeyFiles } from './keyFiles.ts';

const NAMES = ['a worker', 'a validator'];
let work: string;
let powersOfTau: Awaited<ReturnType<typeof smallPowers>>;
let three: Awaited<ReturnType<typeof smallCeremony>>;
let four: Awaited<ReturnType<typeof smallCeremony>>;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'karmesh-find-key-'));
  powersOfTau = await smallPowers(work, 'powers');
  three = await smallCeremony(work, { name: 'three', powersOfTau, weight: 3n, names: NAMES });
  four = await smallCeremony(work, { name: 'four', powersOfTau, weight: 4n, names: NAMES });
});
afterAll(async () => {
  await endSnarkjs();
  await rm(work, { recursive: true });
});

/** A folder with copies of files under names of its own. */
async function folderWith(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(work, name);
  await mkdir(folder);
  for (const [to, from] of Object.entries(files)) await copyFile(from, join(folder, to));
  return folder;
}

/** What the folder has for the layer whose weight is 3, paths without their folders. */
async function find(folder: string): Promise<unknown> {
  const found: FoundKey = await findKey({
    files: await readKeyFiles(folder),
    beginning: { zkey: three.begun, powersOfTau: powersOfTau.path, circuitHash: three.circuitHash },
    policy: { allowsDevelopmentKeys: false, contributions: 2, beacon: SMALL_BEACON },
  });
  const refused = found.refused.map(({ path, ...why }) => ({ file: basename(path), ...why }));
  return found.verdict === 'accept'
    ? { verdict: found.verdict, file: basename(found.key.path), refused }
    : { verdict: found.verdict, refused };
}

test('Z-35: a key is found by what it began with, under whatever name, and not by that of another layer', async () => {
  const folder = await folderWith('swapped', { 'three.zkey': four.final, 'four.zkey': three.final });
  expect(await find(folder)).toEqual({ verdict: 'accept', file: 'four.zkey', refused: [] });
  const other = await folderWith('other', { 'three.zkey': four.final });
  expect(await find(other)).toEqual({ verdict: 'reject', refused: [] });
});

test('Z-35: what contributors gave on is refused beside the key, and says by which rule', async () => {
  const given = { 'begun.zkey': three.begun, 'one.zkey': three.at('a worker'), 'two.zkey': three.last };
  const refused = [
    { file: 'begun.zkey', rule: 'Z-20', fault: 'its gamma is its delta: everybody can prove anything under it' },
    { file: 'one.zkey', rule: 'Z-34', fault: 'it has 1 contributions where 2 are asked for' },
    { file: 'two.zkey', rule: 'Z-34', fault: 'no beacon stands behind its contributions' },
  ];
  expect(await find(await folderWith('unfinished', given))).toEqual({ verdict: 'reject', refused });
  const whole = await folderWith('whole', { ...given, 'final.zkey': three.final });
  expect(await find(whole)).toEqual({ verdict: 'accept', file: 'final.zkey', refused });
});

test('Z-35: of two ceremonies of one layer somebody has to choose; a copy is no second one', async () => {
  const copies = await folderWith('copies', { 'a.zkey': three.final, 'b.zkey': three.final });
  expect(await find(copies)).toEqual({ verdict: 'accept', file: 'a.zkey', refused: [] });
  await contribute({ from: three.last, to: join(work, 'again.zkey'), name: 'a buyer' });
  const again = join(work, 'again-final.zkey');
  await applyBeacon({ from: join(work, 'again.zkey'), to: again, beacon: SMALL_BEACON, iterations: 10 });
  const fault = 'the folder has another key of this layer that is admitted as well';
  expect(await find(await folderWith('two', { 'a.zkey': three.final, 'b.zkey': again }))).toEqual({
    verdict: 'reject',
    refused: [
      { file: 'a.zkey', rule: 'Z-35', fault },
      { file: 'b.zkey', rule: 'Z-35', fault },
    ],
  });
});

test('Z-35: a development key is that of no layer', async () => {
  const development = join(work, 'development.zkey');
  await developmentKey({ constraints: [smallConstraints(3n)], seed: new Uint8Array(32), path: development });
  const folder = await folderWith('development', { 'three.zkey': development });
  expect(await find(folder)).toEqual({ verdict: 'reject', refused: [] });
  expect(await readKeyFiles(folder)).toMatchObject([{ insecure: true }]);
});

test('a file says the verifying key that snarkjs exports, and one that is none is named', async () => {
  const folder = await folderWith('read', { 'three.zkey': three.final, 'begun.zkey': three.begun });
  const files = await readKeyFiles(folder);
  expect(files.map(({ path }) => basename(path))).toEqual(['begun.zkey', 'three.zkey']);
  for (const { path, verifyingKey } of files)
    expect(Buffer.from(verifyingKey)).toEqual(Buffer.from(await verifyingKeyBytes(path)));
  await writeFile(join(folder, 'words.zkey'), 'these are words');
  await expect(readKeyFiles(folder)).rejects.toMatchObject({
    code: 'FILE_INVALID',
    facts: { path: join(folder, 'words.zkey'), fault: 'it begins with other bytes' },
  });
});
