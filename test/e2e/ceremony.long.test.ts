import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, watch } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type AdmissionPolicy,
  type AdmissionVerdict,
  admitKey,
  applyBeacon,
  beginKey,
  contribute,
  endSnarkjs,
  kernelProver,
  layerConstraints,
  openTensorCommitter,
  proveLayer,
  setupLayer,
  verifyingKeyBytes,
  verifyLayer,
  verifyPowers,
} from '@karmesh/circuits';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sampleLayer, sampleStatement } from '../../circuits/src/fixtures/sampleLayer.ts';
import { readGuide } from './guideBlocks.ts';
import { type GuideReader, openGuideReader } from './guideReader.ts';

// A ceremony by the commands of its guide, and one of a matrix of 256 x 256 on the powers of tau that the guide has made. snarkjs makes all of it.

const MINUTE = 60_000;
let reader: GuideReader;
const at = (name: string): string => join(reader.folder, 'ceremony', name);

beforeAll(async () => {
  reader = await openGuideReader({ env: {}, readyMs: 30 * MINUTE });
});
afterAll(async () => {
  await endSnarkjs();
  await reader[Symbol.asyncDispose]();
});

test('ceremony: the key is made, taken, and refused for other weights', { timeout: 60 * MINUTE }, async () => {
  const printed: string[] = [];
  for (const block of await readGuide('docs/guides/ceremony.md')) printed.push(await reader.follow(block));
  const text = printed.join('');
  expect(text).toContain('ceremony/powers.ptau holds: 2^14 powers of tau, which follow from their contributions.');
  expect(text).toContain('ceremony/v.zkey is taken.');
  expect(text).toMatch(
    /contribution a worker\n.+\ncontribution a validator\n.+\ncontribution a buyer\n.+\nbeacon beacon\n/,
  );
  expect(text).toContain('✖ The key is refused: it began with other constraints or other powers of tau.');
  expect(text).toContain('rule: Z-33');
  expect((await readdir(at('.'))).filter((name) => name.endsWith('.partial'))).toEqual([]);
});

test('256 x 256: three contributors and a beacon, proofs, and what is refused', { timeout: 40 * MINUTE }, async () => {
  const verified = await verifyPowers(at('powers.ptau'));
  if (verified.verdict === 'reject') throw new Error(verified.fault);
  const powersOfTau = { path: at('powers.ptau'), hash: verified.hash };
  const beacon = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 3);
  const layer = sampleLayer(256);
  const folder = at('circuits');
  await mkdir(folder);
  const { pieces, count, compiled } = await layerConstraints({ ...layer, folder });
  expect(count).toBe(9445);
  const begun = at('begun.zkey');
  const seconds: Record<string, number> = {};
  const timed = async <Result>(step: string, work: () => Promise<Result>): Promise<Result> => {
    const from = performance.now();
    const result = await work();
    seconds[step] = Math.round((performance.now() - from) / 100) / 10;
    return result;
  };
  await timed('begin', () => beginKey({ constraints: pieces(), powersOfTau, path: begun }));

  // Somebody whose machine fails in the middle leaves nothing, and the next one goes on from what was whole.
  const program = fileURLToPath(new URL('../../circuits/src/fixtures/contributeProcess.ts', import.meta.url));
  const own = await mkdtemp(at('killed-'));
  const changes = watch(own)[Symbol.asyncIterator]();
  const writing = changes.next();
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, begun, join(own, 'to.zkey')],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const exited = once(child, 'exit');
  await writing;
  child.kill('SIGKILL');
  await exited;
  await changes.return?.();
  expect(await readdir(own)).toEqual([expect.stringMatching(/\.partial$/)]);

  const hashes: Uint8Array[] = [];
  let last = begun;
  for (const name of ['one', 'two', 'three']) {
    const to = at(`${name}.zkey`);
    const from = last;
    hashes.push((await timed(`contribute ${name}`, () => contribute({ from, to, name }))).contributionHash);
    last = to;
  }
  const zkey = at('final.zkey');
  await timed('beacon', () => applyBeacon({ from: last, to: zkey, beacon, iterations: 10 }));
  const admit = (file: string, changed: Partial<AdmissionPolicy> = {}): Promise<AdmissionVerdict> =>
    admitKey({
      zkey: file,
      beginning: { zkey: begun, powersOfTau: powersOfTau.path },
      policy: { allowsDevelopmentKeys: false, contributions: 3, beacon, contributionHashes: hashes, ...changed },
    });
  expect(await timed('admit', () => admit(zkey))).toMatchObject({ verdict: 'accept', insecure: false });

  // The key proves and verifies.
  const { inputs, signals } = sampleStatement(layer, await openTensorCommitter());
  const verifyingKey = await verifyingKeyBytes(zkey);
  const development = await setupLayer({ ...layer, folder });
  const key = { ...development, zkey, verifyingKey, insecure: false };
  const proof = await proveLayer({ key, inputs, signals }, { prover: kernelProver() });
  expect(verifyLayer({ verifyingKey, signals, proof })).toEqual({ verdict: 'accept' });
  // Under the development key of the same layer it says nothing.
  expect(verifyLayer({ verifyingKey: development.verifyingKey, signals, proof })).toMatchObject({ rule: 'Z-23' });
  expect(compiled.witness).toBe(development.witnessProgram);

  // What is refused, each by its own rule.
  expect(await admit(begun)).toMatchObject({ rule: 'Z-20' });
  expect(await admit(development.zkey)).toMatchObject({ rule: 'Z-32' });
  expect(await admit(last)).toMatchObject({ rule: 'Z-34', fault: 'no beacon stands behind its contributions' });
  const changed = await layerConstraints({ ...sampleLayer(256, 1), folder });
  const otherBegun = at('other-begun.zkey');
  await beginKey({ constraints: changed.pieces(), powersOfTau, path: otherBegun });
  const beginning = { zkey: otherBegun, powersOfTau: powersOfTau.path };
  const policy = { allowsDevelopmentKeys: false, contributions: 3 };
  expect(await admitKey({ zkey, beginning, policy })).toMatchObject({ rule: 'Z-33' });
  await applyBeacon({ from: at('two.zkey'), to: at('skipped.zkey'), beacon, iterations: 10 });
  expect(await admit(at('skipped.zkey'))).toMatchObject({
    rule: 'Z-34',
    fault: 'it has 2 contributions where 3 are asked for',
  });
  expect(await admit(at('skipped.zkey'), { contributions: 2 })).toMatchObject({
    rule: 'Z-34',
    fault: expect.stringContaining('is not among its contributions'),
  });
  process.stdout.write(`seconds at 256 x 256: ${JSON.stringify(seconds)}, ${(await readFile(zkey)).length} bytes\n`);
});
