import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as snarkjs from 'snarkjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { snarkjsVerdict } from '../ceremony/snarkjsPhases.ts';
import { SMALL_BEACON, smallCeremony, smallConstraints, smallPowers } from '../fixtures/smallCeremony.ts';
import { endSnarkjs } from '../prove/snarkjsProver.ts';
import { type AdmissionPolicy, type AdmissionVerdict, admitKey } from './admitKey.ts';
import { developmentKey } from './developmentKey.ts';
import { inspectKey } from './inspectKey.ts';

let folder: string;
let powersOfTau: Awaited<ReturnType<typeof smallPowers>>;
let made: Awaited<ReturnType<typeof smallCeremony>>;
let development: string;
const at = (name: string): string => join(folder, name);
const NAMES = ['a worker', 'a validator', 'a buyer'];

/** snarkjs’ own steps: who cheats does not use ours. */
const phase = snarkjs.zKey as unknown as {
  contribute(from: string, to: string, name: string, entropy: string): Promise<unknown>;
  beacon(from: string, to: string, name: string, beacon: string, iterations: number): Promise<unknown>;
};
const beaconHex = Buffer.from(SMALL_BEACON).toString('hex');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-admission-'));
  powersOfTau = await smallPowers(folder, 'powers');
  made = await smallCeremony(folder, { name: 'key', powersOfTau, weight: 3n, names: NAMES });
  development = at('development.zkey');
  await developmentKey({ constraints: [smallConstraints(3n)], seed: new Uint8Array(32), path: development });
});
afterAll(async () => {
  await endSnarkjs();
  await rm(folder, { recursive: true });
});

/** As a cluster that asks for three contributions, for the key of the layer whose weight is 3. */
function admit(zkey: string, changed: Partial<AdmissionPolicy> = {}): Promise<AdmissionVerdict> {
  return admitKey({
    zkey,
    beginning: { zkey: made.begun, powersOfTau: powersOfTau.path },
    policy: { allowsDevelopmentKeys: false, contributions: 3, ...changed },
  });
}

/** What `snarkjs zkey verify` says by itself. */
async function snarkjsSays(zkey: string): Promise<string> {
  return (await snarkjsVerdict(['zkvi', made.begun, powersOfTau.path, zkey])).said;
}

test('a key of three contributors and a beacon is admitted, with what was announced of it', async () => {
  const announced = { beacon: SMALL_BEACON, contributionHashes: made.hashes };
  expect(await admit(made.final, announced)).toEqual({
    verdict: 'accept',
    insecure: false,
    contributions: inspectKey(await readFile(made.final)).contributions,
  });
});

test('Z-20: a key to which nobody contributed, which snarkjs takes', async () => {
  expect(await admit(made.begun)).toEqual({
    verdict: 'reject',
    rule: 'Z-20',
    fault: 'its gamma is its delta: everybody can prove anything under it',
  });
  expect(await snarkjsSays(made.begun)).toBe('ZKey Ok!');
});

test('Z-32: a development key is for localnet alone', async () => {
  expect(inspectKey(await readFile(development))).toMatchObject({
    hasOwnDelta: true,
    contributions: [],
    insecure: true,
  });
  expect(await admit(development)).toEqual({
    verdict: 'reject',
    rule: 'Z-32',
    fault: 'it is an INSECURE DEVELOPMENT KEY',
  });
  const policy = { allowsDevelopmentKeys: true, contributions: 3 };
  expect(await admitKey({ zkey: development, policy })).toEqual({
    verdict: 'accept',
    insecure: true,
    contributions: [],
  });
});

test('Z-33: contributions to a development key do not make it one of this layer', async () => {
  let last = development;
  for (const name of NAMES) {
    await phase.contribute(last, at(`relabelled ${name}.zkey`), name, 'entropy');
    last = at(`relabelled ${name}.zkey`);
  }
  await phase.beacon(last, at('relabelled.zkey'), 'beacon', beaconHex, 10);
  expect(inspectKey(await readFile(at('relabelled.zkey'))).insecure).toBe(false);
  const other = { verdict: 'reject', rule: 'Z-33', fault: 'it began with other constraints or other powers of tau' };
  expect(await admit(at('relabelled.zkey'))).toEqual(other);
  // Nor does it help to write the hash that is asked for into the file.
  const forged = await readFile(at('relabelled.zkey'));
  const hashAt = forged.indexOf(inspectKey(forged).circuitHash);
  forged.set(made.circuitHash, hashAt);
  await writeFile(at('forged hash.zkey'), forged);
  expect(await admit(at('forged hash.zkey'))).toEqual({
    verdict: 'reject',
    rule: 'Z-34',
    fault: 'its points do not follow from its contributions: INVALID(0): Inconsistent transcript',
  });
});

test('Z-33: a key of other weights, or of other powers of tau', async () => {
  const other = { verdict: 'reject', rule: 'Z-33', fault: 'it began with other constraints or other powers of tau' };
  const weights = await smallCeremony(folder, { name: 'weights', powersOfTau, weight: 4n, names: NAMES });
  expect(await admit(weights.final)).toEqual(other);
  const elsewhere = await smallPowers(folder, 'elsewhere');
  const powers = await smallCeremony(folder, { name: 'powers', powersOfTau: elsewhere, weight: 3n, names: NAMES });
  expect(await admit(powers.final)).toEqual(other);
  expect(await admitKey({ zkey: made.final, policy: { allowsDevelopmentKeys: true, contributions: 3 } })).toEqual({
    verdict: 'reject',
    rule: 'Z-33',
    fault: 'nobody has built what it must have begun with',
  });
});

test('Z-34: a contributor who is left out', async () => {
  // The third goes on with what the first gave.
  await phase.contribute(made.at(NAMES[0] ?? ''), at('skipping.zkey'), NAMES[2] ?? '', 'entropy');
  await phase.beacon(at('skipping.zkey'), at('skipped.zkey'), 'beacon', beaconHex, 10);
  expect(await snarkjsSays(at('skipped.zkey'))).toBe('ZKey Ok!');
  expect(await admit(at('skipped.zkey'))).toMatchObject({
    rule: 'Z-34',
    fault: 'it has 2 contributions where 3 are asked for',
  });
  const [first, second] = made.hashes as [Uint8Array, Uint8Array];
  expect(await admit(at('skipped.zkey'), { contributions: 2, contributionHashes: [first, second] })).toMatchObject({
    rule: 'Z-34',
    fault: `the contribution ${Buffer.from(second).toString('hex')} is not among its contributions`,
  });
  // Or its record alone is taken out of the file.
  const whole = await readFile(made.final);
  const { circuitHash } = inspectKey(whole);
  const records = whole.indexOf(circuitHash) + 64;
  const recordBytes = (name: string): number => 64 + 64 + 64 + 128 + 64 + 4 + 4 + 2 + name.length;
  const from = records + 4 + recordBytes(NAMES[0] ?? '');
  const length = recordBytes(NAMES[1] ?? '');
  whole.writeUInt32LE(3, records);
  whole.writeBigUInt64LE(whole.readBigUInt64LE(records - 64 - 8) - BigInt(length), records - 64 - 8);
  await writeFile(at('cut.zkey'), Buffer.concat([whole.subarray(0, from), whole.subarray(from + length)]));
  expect(inspectKey(await readFile(at('cut.zkey'))).contributions.map(({ name }) => name)).toEqual([
    'a worker',
    'a buyer',
    'beacon',
  ]);
  expect(await admit(at('cut.zkey'), { contributions: 2 })).toEqual({
    verdict: 'reject',
    rule: 'Z-34',
    fault: 'its points do not follow from its contributions: INVALID(1): Inconsistent transcript',
  });
});

test('Z-34: a key without a beacon, with another one, or with one in the middle', async () => {
  expect(await admit(made.last)).toMatchObject({
    rule: 'Z-34',
    fault: 'no beacon stands behind its contributions',
  });
  expect(await admit(made.final, { beacon: new Uint8Array(32) })).toMatchObject({
    rule: 'Z-34',
    fault: 'another beacon than the one that was announced stands behind its contributions',
  });
  await phase.contribute(made.final, at('behind.zkey'), 'too late', 'entropy');
  expect(await admit(at('behind.zkey'))).toMatchObject({
    rule: 'Z-34',
    fault: 'no beacon stands behind its contributions',
  });
});

test('Z-34: beacons are no contributions, since everybody knows what they add', async () => {
  let last = made.begun;
  for (const name of ['one', 'two', 'three', 'four']) {
    await phase.beacon(last, at(`beacons ${name}.zkey`), name, beaconHex, 10);
    last = at(`beacons ${name}.zkey`);
  }
  expect(await snarkjsSays(last)).toBe('ZKey Ok!');
  expect(await admit(last)).toMatchObject({ rule: 'Z-34', fault: 'it has 0 contributions where 3 are asked for' });
});

test('Z-34: a beacon that nobody could check is not even tried', async () => {
  const bytes = await readFile(made.final);
  const at10 = bytes.lastIndexOf(Buffer.from([2, 10, 3, 32]));
  bytes[at10 + 1] = 63;
  await writeFile(at('endless.zkey'), bytes);
  expect(await admit(at('endless.zkey'))).toMatchObject({
    rule: 'Z-34',
    fault: 'a beacon of it is hashed more than 2^24 times',
  });
});

test('Z-34: points that do not follow from the contributions', async () => {
  const bytes = await readFile(made.final);
  const init = await readFile(made.begun);
  // Those of the private wires, as they were before anybody contributed.
  const { start, length } = sectionOf(init, 8);
  init.copy(bytes, sectionOf(bytes, 8).start, start, start + length);
  await writeFile(at('points.zkey'), bytes);
  expect(await admit(at('points.zkey'))).toEqual({
    verdict: 'reject',
    rule: 'Z-34',
    fault: 'its points do not follow from its contributions: L section does not match',
  });
});

test('Z-20: a key whose gamma is its delta', async () => {
  const forged = await readFile(made.final);
  // Behind the file's head and its first section: 12 + 12 + 4 + 12 bytes, and the header's points.
  const gamma = 40 + 84 + 64 + 64 + 128;
  forged.copyWithin(gamma + 128 + 64, gamma, gamma + 128);
  await writeFile(at('gamma.zkey'), forged);
  expect(await admit(at('gamma.zkey'))).toMatchObject({ verdict: 'reject', rule: 'Z-20' });
});

test('bytes that are no key are refused wherever they end', async () => {
  const beacon = await readFile(made.final);
  const faults = new Set<string>();
  const random = (i: number): number => (i * 2_654_435_761) % beacon.length;
  for (let i = 0; i < 200; i++)
    try {
      inspectKey(beacon.subarray(0, random(i)));
      faults.add('none');
    } catch (error) {
      faults.add((error as Error).message);
    }
  expect([...faults]).toEqual(['This is not a .zkey file.']);
});

function sectionOf(file: Buffer, id: number): { readonly start: number; readonly length: number } {
  for (let at = 12; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at + 4));
    if (file.readUInt32LE(at) === id) return { start: at + 12, length };
    at += 12 + length;
  }
  throw new Error('no such section');
}
