import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as snarkjs from 'snarkjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTensorCommitter } from '../commitment/openTensorCommitter.ts';
import type { TensorCommitter } from '../commitment/tensorCommitter.ts';
import { sampleLayer, sampleStatement } from '../fixtures/sampleLayer.ts';
import { kernelProver } from '../prove/kernelProver.ts';
import { proveLayer } from '../prove/proveLayer.ts';
import { endSnarkjs, snarkjsProver, witnessOf } from '../prove/snarkjsProver.ts';
import { verifyLayer } from '../verify/verifyLayer.ts';
import { setupLayer } from './layerKey.ts';

let folder: string;
let commit: TensorCommitter;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-keys-'));
  commit = await openTensorCommitter();
});
afterAll(async () => {
  await endSnarkjs();
  await rm(folder, { recursive: true });
});

const layer = sampleLayer(8);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('Z-30: a development key says what it is, is made once, and is the same in another folder', async () => {
  const steps: string[] = [];
  const onProgress = (step: string): number => steps.push(step);
  const key = await setupLayer({ ...layer, folder, onProgress });
  const again = await setupLayer({ ...layer, folder, onProgress });
  expect(steps).toEqual(['compiling', 'making the key', 'done']);
  expect(again).toEqual(key);
  expect(key.insecure).toBe(true);
  expect(key.zkey).toMatch(/\.insecure\.zkey$/);
  const bytes = await readFile(key.zkey);
  expect(bytes.includes('INSECURE DEVELOPMENT KEY: whoever has the seed can forge proofs.')).toBe(true);
  expect(await readFile(`${key.zkey}.json`, 'utf8')).toContain('INSECURE DEVELOPMENT KEY');
  const elsewhere = await setupLayer({ ...layer, folder: join(folder, 'elsewhere') });
  expect((await readFile(elsewhere.zkey)).equals(bytes)).toBe(true);
  expect(hex(key.keyId)).toMatchInlineSnapshot(`"58580cbcfae404a149bfdd687621ec23fd3f49d5d002d9058c03dd6cff5c14b7"`);
});

test('Z-31: other weights, and another seed, have another key', async () => {
  const keys = [
    await setupLayer({ ...layer, folder }),
    await setupLayer({ ...sampleLayer(8, 1), folder }),
    await setupLayer({ ...layer, folder, seed: new Uint8Array(32).fill(1) }),
  ];
  expect(new Set(keys.map(({ keyId }) => hex(keyId))).size).toBe(3);
});

test('Z-31: a key that is there is found without building its constraints, and by nothing but its own circuit, weights and seed', async () => {
  const own = join(folder, 'indexed');
  /** Counts what reads rows: one pass finds a key, others build and hash its constraints. */
  const counted = (of: typeof layer): { readonly layer: typeof layer; readonly reads: () => number } => {
    let reads = 0;
    const row = (index: number): readonly number[] => {
      reads++;
      return of.weights.row(index);
    };
    const weights = { ...of.weights, row };
    return { layer: { ...of, weights }, reads: () => reads / of.weights.rows };
  };
  const first = counted(layer);
  const key = await setupLayer({ ...first.layer, folder: own });
  const again = counted(layer);
  expect(await setupLayer({ ...again.layer, folder: own })).toEqual(key);
  expect(again.reads()).toBe(1);
  expect(first.reads()).toBeGreaterThan(1);
  const other = await setupLayer({ ...sampleLayer(8, 1), folder: own });
  expect(hex(other.constraintsHash)).not.toBe(hex(key.constraintsHash));
  const reseeded = await setupLayer({ ...layer, folder: own, seed: new Uint8Array(32).fill(1) });
  expect([hex(reseeded.constraintsHash), reseeded.zkey === key.zkey]).toEqual([hex(key.constraintsHash), false]);
});

test('an index of constraints that is damaged, cut or of another layer is not believed', async () => {
  const own = join(folder, 'damaged');
  const key = await setupLayer({ ...layer, folder: own });
  const isIndex = (name: string): boolean => name.endsWith('.constraints.json');
  const [name = ''] = (await readdir(own)).filter(isIndex);
  const path = join(own, name);
  const text = await readFile(path, 'utf8');
  await setupLayer({ ...sampleLayer(8, 1), folder: own });
  const [strange = ''] = (await readdir(own)).filter((found) => isIndex(found) && found !== name);
  for (const damaged of [
    '',
    '[]',
    text.slice(0, -3),
    text.replace(hex(key.constraintsHash), hex(new Uint8Array(32))),
    await readFile(join(own, strange), 'utf8'),
  ]) {
    await writeFile(path, damaged);
    expect(await setupLayer({ ...layer, folder: own })).toEqual(key);
    expect(await readFile(path, 'utf8')).toBe(text);
  }
});

test('snarkjs and the kernel prove the same statement, and snarkjs verifies what the kernel proves', async () => {
  const key = await setupLayer({ ...layer, folder });
  const { inputs, signals } = sampleStatement(layer, commit);
  for (const prover of [snarkjsProver(), kernelProver()]) {
    const proof = await proveLayer({ key, inputs, signals }, { prover });
    expect(verifyLayer({ verifyingKey: key.verifyingKey, signals, proof })).toEqual({ verdict: 'accept' });
    const number = (at: number): string => `${BigInt(`0x${hex(proof.subarray(32 * at, 32 * at + 32))}`)}`;
    const json = {
      pi_a: [number(0), number(1), '1'],
      pi_b: [
        [number(3), number(2)],
        [number(5), number(4)],
        ['1', '0'],
      ],
      pi_c: [number(6), number(7), '1'],
      protocol: 'groth16',
      curve: 'bn128',
    };
    const exported = await snarkjs.zKey.exportVerificationKey(key.zkey);
    expect(await snarkjs.groth16.verify(exported, signals.map(String), json)).toBe(true);
  }
});

test('a proof of something else than was asked, and values without a witness, are refused before anything is proven', async () => {
  const key = await setupLayer({ ...layer, folder });
  const { inputs, signals } = sampleStatement(layer, commit);
  const prover = kernelProver();
  const [x = 0n, y = 0n] = signals;
  await expect(proveLayer({ key, inputs, signals: [x, y, 8n] }, { prover })).rejects.toThrow(
    'The witness says something else than the statement.',
  );
  const acc = (inputs.acc as string[]).with(0, String(2 ** 40));
  await expect(proveLayer({ key, inputs: { ...inputs, acc }, signals }, { prover })).rejects.toThrow(
    'The circuit has no witness for these values.',
  );
});

test('a false sum has a witness of the circuit without weights, and no proof that verifies', async () => {
  const key = await setupLayer({ ...layer, folder });
  const { inputs, signals } = sampleStatement(layer, commit);
  const acc = (inputs.acc as string[]).with(3, String(Number((inputs.acc as string[])[3]) + 1));
  const witness = await witnessOf(key.witnessProgram, { ...inputs, acc });
  for (const prover of [snarkjsProver(), kernelProver()]) {
    const { proof } = await prover.prove({ zkey: key.zkey, witness });
    expect(verifyLayer({ verifyingKey: key.verifyingKey, signals, proof })).toEqual({
      verdict: 'reject',
      rule: 'Z-23',
      fault: 'equation',
    });
  }
});

test('keys and witnesses of another kind are refused with a sentence', async () => {
  const key = await setupLayer({ ...layer, folder });
  const { inputs } = sampleStatement(layer, commit);
  const witness = await witnessOf(key.witnessProgram, inputs);
  const prover = kernelProver();
  const bytes = await readFile(key.zkey);
  const broken = join(folder, 'broken.zkey');
  const fault = async (of: Uint8Array, wtns: Uint8Array): Promise<string> => {
    await writeFile(broken, of);
    return prover.prove({ zkey: broken, witness: wtns }).then(
      () => 'proven',
      (error: Error) => error.message,
    );
  };
  expect({
    cut: await fault(bytes.subarray(0, bytes.length / 2), witness),
    nothing: await fault(new Uint8Array(0), witness),
    noWitness: await fault(bytes, new Uint8Array(0)),
    cutWitness: await fault(bytes, witness.subarray(0, 1000)),
  }).toMatchInlineSnapshot(`
    {
      "cut": "This is not a .zkey file.",
      "cutWitness": "The witness is of another format, ends early or contradicts itself.",
      "noWitness": "The witness is of another format, ends early or contradicts itself.",
      "nothing": "This is not a .zkey file.",
    }
  `);
});

test('a process that is killed while it compiles or makes a key leaves nothing that passes for one', async () => {
  const program = fileURLToPath(new URL('../fixtures/setupProcess.ts', import.meta.url));
  const own = join(folder, 'killed');
  for (const at of ['compiling', 'making the key']) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, own], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    for await (const line of createInterface({ input: child.stdout })) if (line === at) child.kill('SIGKILL');
    expect((await exited)[1]).toBe('SIGKILL');
    expect((await readdir(own)).filter((name) => name.endsWith('.zkey.json'))).toEqual([]);
  }
  const large = sampleLayer(256);
  const key = await setupLayer({ ...large, folder: own });
  const { inputs, signals } = sampleStatement(large, commit);
  const proof = await proveLayer({ key, inputs, signals }, { prover: kernelProver() });
  expect(verifyLayer({ verifyingKey: key.verifyingKey, signals, proof })).toEqual({ verdict: 'accept' });
});
