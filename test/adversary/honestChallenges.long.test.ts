import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endSnarkjs, type Prover, readWitness } from '@karmesh/circuits';
import { checkChallenge, equalBytes, operatorCount } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exactModelFile } from '../../node/src/engines/exact/file/exactModelFile.ts';
import { type ChallengedModel, challengedModel } from '../../node/src/fixtures/challengedRun.ts';
import { randomOf, SMALL, smallModel } from '../../node/src/fixtures/smallModel.ts';

const CHALLENGES = 1_000;
/** So many of them are proven by the real prover, one in a hundred. */
const PROVEN_EVERY = 100;
const ATTENTION_POSITIONS = 8;

let folder: string;
let model: ChallengedModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-honest-'));
  const gguf = join(folder, 'small.gguf');
  await writeFile(gguf, smallModel({ family: 'qwen2' }));
  const { path, modelId } = await exactModelFile(gguf, { cacheFolder: folder });
  model = await challengedModel({ path, modelId, folder, attentionPositions: ATTENTION_POSITIONS });
}, 600_000);
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await endSnarkjs();
  await rm(folder, { recursive: true });
});

interface Statement {
  readonly verifyingKey: Uint8Array;
  readonly signals: readonly bigint[];
}

/**
 * Finds witnesses and leaves out the arithmetic of proofs: Groth16 proves whatever has a witness, so that a false alarm can only come from a witness that
 * does not exist or from a statement that verifier and worker put together differently. Both are decided here, a thousand times in minutes.
 */
function witnessProver() {
  const statements: Statement[] = [];
  const keys = new Map<string, Uint8Array>();
  const keyOf = async (zkey: string): Promise<Uint8Array> => {
    const known = keys.get(zkey);
    if (known !== undefined) return known;
    const { verifyingKey } = JSON.parse(await readFile(`${zkey}.json`, 'utf8')) as { readonly verifyingKey: string };
    const bytes = Uint8Array.from(Buffer.from(verifyingKey, 'hex'));
    keys.set(zkey, bytes);
    return bytes;
  };
  const prover: Prover = {
    async prove({ zkey, witness }) {
      const verifyingKey = await keyOf(zkey);
      // Alpha, beta, gamma, delta and the constant's point stand before the signals'.
      const count = (verifyingKey.length - 448) / 64 - 1;
      const signals = readWitness(witness).slice(1, 1 + count);
      const proof = new Uint8Array(256);
      new DataView(proof.buffer).setUint32(0, statements.push({ verifyingKey, signals }));
      return { proof, signals };
    },
  };
  const verify = ({ verifyingKey, signals, proof }: Statement & { readonly proof: Uint8Array }): boolean => {
    const stated = statements[new DataView(proof.buffer, proof.byteOffset).getUint32(0) - 1];
    return (
      stated !== undefined &&
      equalBytes(stated.verifyingKey, verifyingKey) &&
      stated.signals.length === signals.length &&
      signals.every((signal, i) => signal === stated.signals[i])
    );
  };
  return { prover, verify };
}

test(`Z-48: ${CHALLENGES} honest challenges, no false alarm`, { timeout: 4 * 3_600_000 }, async () => {
  const random = randomOf(2026);
  const integer = (below: number): number => Math.floor(random() * below);
  const tokens = (count: number): number[] => Array.from({ length: count }, () => integer(SMALL.vocabulary));
  const operators = operatorCount(SMALL.layers);
  const alarms: string[] = [];
  const seen = { proven: 0, unproven: 0, real: 0 };
  for (let i = 0; i < CHALLENGES; i++) {
    const prompt = tokens(1 + integer(9));
    const limit = 1 + integer(4);
    const position = integer(prompt.length + limit - 1);
    const temperatureMicro = integer(4) === 0 ? 700_000 : 0;
    const run = model.run({ prompt, limit, position, temperatureMicro, name: `challenge ${i}` });
    const isReal = i % PROVEN_EVERY === 0;
    const stand = witnessProver();
    const bytes = isReal ? await run.prove(run.job) : await run.prove(run.job, undefined, stand.prover);
    const parts = isReal ? run.parts : { ...run.parts, verify: stand.verify };
    const verdict = await checkChallenge(run.facts, bytes, parts);
    if (verdict.verdict === 'reject') {
      alarms.push(`${i}, position ${position} of ${prompt.length} + ${limit}: ${verdict.rule} ${verdict.what}`);
      continue;
    }
    const isLast = position >= prompt.length - 1;
    const attention = position < ATTENTION_POSITIONS ? SMALL.layers : 0;
    const head = isLast ? (temperatureMicro === 0 ? 2 : 1) : 0;
    expect(verdict.proven.length).toBe(operators - SMALL.layers - 2 + attention + head);
    seen.proven += verdict.proven.length;
    seen.unproven += verdict.unproven.length;
    if (isReal) seen.real++;
  }
  expect(alarms).toEqual([]);
  // Prompts and answers of all lengths were among them, with room for attention and without, and both kinds of choosing.
  expect(seen).toMatchObject({ real: CHALLENGES / PROVEN_EVERY });
  expect(seen.unproven).toBeGreaterThan(CHALLENGES / 10);
});
