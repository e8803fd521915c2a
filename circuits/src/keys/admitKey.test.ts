import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as snarkjs from 'snarkjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sampleLayer } from '../fixtures/sampleLayer.ts';
import { endSnarkjs } from '../prove/snarkjsProver.ts';
import { type AdmissionPolicy, admitKey } from './admitKey.ts';
import { inspectKey } from './inspectKey.ts';
import { setupLayer } from './layerKey.ts';

let folder: string;
/** A development key, and what contributions make of it: one, two, and two with a beacon behind. */
let keys: Readonly<Record<'development' | 'one' | 'two' | 'beacon', Uint8Array>>;

interface Contributions {
  contribute(from: string, to: string, name: string, entropy: string): Promise<unknown>;
  beacon(from: string, to: string, name: string, beacon: string, iterations: number): Promise<unknown>;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-admission-'));
  const { zkey } = await setupLayer({ ...sampleLayer(4), folder });
  const at = (name: string): string => join(folder, `${name}.zkey`);
  const phase = snarkjs.zKey as unknown as Contributions;
  await phase.contribute(zkey, at('one'), 'a worker', 'some entropy');
  await phase.contribute(at('one'), at('two'), 'a validator', 'other entropy');
  await phase.beacon(at('two'), at('beacon'), 'a block', '0123456789abcdef'.repeat(4), 10);
  const [development, one, two, beacon] = await Promise.all(
    [zkey, at('one'), at('two'), at('beacon')].map((path) => readFile(path)),
  );
  keys = { development, one, two, beacon } as typeof keys;
});
afterAll(async () => {
  await endSnarkjs();
  await rm(folder, { recursive: true });
});

const policy = (changed: Partial<AdmissionPolicy> = {}): AdmissionPolicy => ({
  allowsDevelopmentKeys: false,
  contributions: 2,
  circuitHash: inspectKey(keys.development).circuitHash,
  ...changed,
});

test('tells what a key says of itself', () => {
  expect(inspectKey(keys.development)).toMatchObject({
    signals: 3,
    hasOwnDelta: true,
    contributions: [],
    insecure: true,
  });
  expect(inspectKey(keys.beacon)).toMatchObject({
    insecure: false,
    contributions: [
      { kind: 'contribution', name: 'a worker' },
      { kind: 'contribution', name: 'a validator' },
      { kind: 'beacon', name: 'a block' },
    ],
  });
});

test('Z-32: a development key is for localnet alone', () => {
  expect(admitKey(keys.development, policy())).toEqual({
    verdict: 'reject',
    rule: 'Z-32',
    fault: 'it is an INSECURE DEVELOPMENT KEY',
  });
  expect(admitKey(keys.development, policy({ allowsDevelopmentKeys: true }))).toEqual({
    verdict: 'accept',
    insecure: true,
  });
});

test('Z-33: contributions to a development key, or to a key of other weights, do not make it one of this layer', () => {
  // The powers of tau that a cluster pins give another hash than those of a public seed.
  const pinned = policy({ circuitHash: new Uint8Array(64).fill(7) });
  expect(admitKey(keys.beacon, pinned)).toEqual({
    verdict: 'reject',
    rule: 'Z-33',
    fault: 'it began with other constraints or other powers of tau',
  });
});

test('Z-34: so many contributions, and a beacon behind them', () => {
  expect(admitKey(keys.beacon, policy())).toEqual({ verdict: 'accept', insecure: false });
  expect(admitKey(keys.two, policy())).toMatchObject({
    rule: 'Z-34',
    fault: 'it has 2 contributions, the last of them contribution',
  });
  expect(admitKey(keys.beacon, policy({ contributions: 3 }))).toMatchObject({ rule: 'Z-34' });
});

test('Z-20: a key whose gamma is its delta', () => {
  const forged = Uint8Array.from(keys.beacon);
  // Behind the file's head and its first section: 12 + 12 + 4 + 12 bytes, and the header's points.
  const gamma = 40 + 84 + 64 + 64 + 128;
  forged.copyWithin(gamma + 128 + 64, gamma, gamma + 128);
  expect(admitKey(forged, policy())).toMatchObject({ verdict: 'reject', rule: 'Z-20' });
});

test('bytes that are no key are refused wherever they end', () => {
  const { beacon } = keys;
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
