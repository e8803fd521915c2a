import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyBeacon, beginPowers, contribute, endSnarkjs } from '@karmesh/circuits';
import { AUDIT_RULES, checkChallenge, operatorCount } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, runProgram } from '../../../../../sdk/src/cli/fixtures/runProgram.ts';
import { challengedModel } from '../../../fixtures/challengedRun.ts';
import { SMALLEST, smallModel } from '../../../fixtures/smallModel.ts';
import { readModelKeys } from '../../../models/modelKeys.ts';
import { exactModelFile } from '../file/exactModelFile.ts';
import { proveInProcess } from './proveInProcess.ts';
import { findProvingKeys } from './provingKeys.ts';

// The whole way of a model by its commands: powers of tau, a ceremony for every operator, the keys file, a token that is proven under these keys, and its judgement.

const MINUTE = 60_000;
const POWER = 13;
const BEACON = '5a'.repeat(32);
const script = fileURLToPath(new URL('../../../main.ts', import.meta.url));
const operators = operatorCount(SMALLEST.layers);
let folder: string;
const at = (...names: readonly string[]): string => join(folder, ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-ceremony-keys-'));
  await writeFile(at('model.gguf'), smallModel({ sizes: SMALLEST }));
});
afterAll(async () => {
  await endSnarkjs();
  await rm(folder, { recursive: true });
});

/** Runs `karmesh` in the folder. */
function karmesh(...args: readonly string[]): Promise<Ended> {
  return runProgram(script, [...args], { folder });
}

/** Every file of one folder to one of the next. */
async function forEachKey(from: string, to: string, step: (from: string, to: string) => Promise<unknown>) {
  await mkdir(at(to));
  for (const name of await readdir(at(from))) await step(at(from, name), at(to, name));
}

test('Z-35, Z-37: ceremonies of all operators make a model’s keys, a worker proves under them, and the answer is accepted', {
  timeout: 60 * MINUTE,
}, async () => {
  const beacon = Uint8Array.from(Buffer.from(BEACON, 'hex'));
  const took: Record<string, number> = {};
  const timed = async <Result>(step: string, work: () => Promise<Result>): Promise<Result> => {
    const from = performance.now();
    const result = await work();
    took[step] = Math.round((performance.now() - from) / 1000);
    return result;
  };
  await timed('powers', async () => {
    await beginPowers({ path: at('begun.ptau'), power: POWER });
    await contribute({ from: at('begun.ptau'), to: at('one.ptau'), name: 'a worker' });
    await applyBeacon({ from: at('one.ptau'), to: at('powers.ptau'), beacon, iterations: 10 });
  });
  const verified = await timed('verify the powers', () => karmesh('ceremony', 'verify', '--json', 'powers.ptau'));
  const { powersHash } = JSON.parse(verified.stdout) as { readonly powersHash: string };
  const powers = ['--powers', 'powers.ptau', '--powers-hash', powersHash];

  // Begin all, contribute twice, and end.
  const model = ['--model', 'model.gguf', '--positions', '1'];
  const begun = await timed('begin', () => karmesh('ceremony', 'layers', ...model, ...powers, 'begun'));
  expect(begun).toMatchObject({ code: 0 });
  expect(begun.stdout).toMatchInlineSnapshot(`
    "operators  layer                               constraints  powers of tau
    0          attentionNorm of layer 0            3998         2^12
    1          q of layer 0                        5118         2^13
    2          k of layer 0                        5118         2^13
    3          v of layer 0                        2913         2^12
    4          attention of layer 0                6850         2^13
    5          residualBehindAttention of layer 0  4781         2^13
    6          feedForwardNorm of layer 0          3998         2^12
    7          gate of layer 0                     3009         2^12
    8          up of layer 0                       3009         2^12
    9          hidden of layer 0                   7172         2^13
    10         residual of layer 0                 5328         2^13
    11         finalNorm                           3998         2^12
    12         logits                              1691         2^11
    13 keys; 2^13 powers of tau are enough for all.
    "
  `);
  // What is there is not begun again.
  const again = await karmesh('ceremony', 'layers', ...model, ...powers, 'begun');
  expect(again).toEqual({ code: 0, stdout: begun.stdout, stderr: '' });
  const hashes: string[] = [];
  for (const [from, to, name] of [
    ['begun', 'one', 'a worker'],
    ['one', 'two', 'a validator'],
  ] as const)
    await timed(`contribute as ${name}`, () =>
      forEachKey(from, to, async (last, next) => {
        const { contributionHash } = await contribute({ from: last, to: next, name });
        hashes.push(Buffer.from(contributionHash).toString('hex'));
      }),
    );
  await timed('beacon', () =>
    forEachKey('two', 'final', (from, to) => applyBeacon({ from, to, beacon, iterations: 10 })),
  );

  // The keys file of the model, from files under other names, with one that was given on beside them.
  await mkdir(at('keys'));
  const names = (await readdir(at('final'))).sort();
  for (const [i, name] of names.entries()) await copyFile(at('final', name), at('keys', `${names.length - i}.zkey`));
  await copyFile(at('two', names[0] ?? ''), at('keys', 'two.zkey'));
  const make = (...more: readonly string[]) =>
    karmesh(
      ...['model', 'keys', 'model.gguf', '--attention-positions', '1', '--proving-keys', 'keys', ...powers],
      ...['--contributions', '2', '--slot-hash', BEACON, ...more],
    );
  const made = await timed('admit', () => make('--contribution-hashes', hashes.join(','), '--out', 'model.keys.json'));
  expect(made).toEqual({
    code: 0,
    stdout: `Every one of ${operators} operators has a key of a ceremony in keys.\npassed over: keys/two.zkey, Z-34: no beacon stands behind its contributions\nFor validators: model.keys.json\n`,
    stderr: '',
  });
  const keys = await readModelKeys(at('model.keys.json'));
  expect([keys.developmentSeed, keys.facts.keys, keys.keys.length]).toEqual([undefined, 'ceremony', operators]);

  // A worker finds them again and proves a token in a process of its own; who knows the keys file judges.
  const provingKeys = await findProvingKeys(at('keys'), keys);
  const { path, modelId } = await exactModelFile(at('model.gguf'), { cacheFolder: at('.karmesh', 'models') });
  await using challenged = await challengedModel({
    path,
    modelId,
    folder: at('.karmesh', 'models', 'proofs'),
    attentionPositions: 1,
    ceremony: { keys, provingKeys },
  });
  const run = challenged.run({ prompt: [3], limit: 2, position: 0 });
  await mkdir(at('proofs'));
  const task = { job: run.job, folder: at('proofs'), program: undefined };
  const answer = await timed('prove', () => proveInProcess(task, new AbortController().signal));
  const verdict = await checkChallenge(run.facts, answer, run.parts);
  expect(verdict).toMatchObject({ verdict: 'accept', position: 0, unproven: [] });
  expect(verdict.verdict === 'accept' && verdict.proven.length).toBe(operators);
  // The file of one operator in the place of another's proves nothing: up has the circuit of gate.
  if (provingKeys.kind !== 'ceremony') throw new Error('These are keys of a ceremony.');
  const [gate, up] = [7, 8];
  const zkeys = provingKeys.zkeys.with(gate, provingKeys.zkeys[up] ?? '');
  const swapped = { ...task, job: { ...run.job, provingKeys: { ...provingKeys, zkeys } } };
  await rm(at('proofs', `${gate}.proof`));
  const wrong = await proveInProcess(swapped, new AbortController().signal);
  expect(await checkChallenge(run.facts, wrong, run.parts)).toMatchObject({
    verdict: 'reject',
    rule: AUDIT_RULES.challengeProof,
  });

  // Without one of its keys a worker does not start.
  await rm(at('keys', `${names.length}.zkey`));
  await expect(findProvingKeys(at('keys'), keys)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    facts: { missing: '0 (attentionNorm of layer 0)', others: at('keys', 'two.zkey') },
  });
  process.stdout.write(`seconds: ${JSON.stringify(took)}\n`);
});
