import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endSnarkjs } from '@karmesh/circuits';
import {
  AUDIT_RULES,
  type ChallengeAnswer,
  type ChallengeFacts,
  challengeAnswerCodec,
  challengedPosition,
  challengedTensors,
  checkChallenge,
  committedLeaf,
  committedPlaces,
  concatBytes,
  decode,
  encode,
  hash,
  operatorCount,
  operatorOf,
  type TensorName,
  tensorBlinding,
  traceRootOf,
  traceShape,
  traceTree,
} from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exactModelFile } from '../../node/src/engines/exact/file/exactModelFile.ts';
import { modelFacts } from '../../node/src/engines/exact/proofs/modelFacts.ts';
import type { KeptProofs, ProvingJob } from '../../node/src/engines/exact/proofs/proveToken.ts';
import { beaconFor, type ChallengedRun, challengedModel } from '../../node/src/fixtures/challengedRun.ts';
import { SMALL, smallModel } from '../../node/src/fixtures/smallModel.ts';

const POSITION = 5;
const PROMPT = [1, 3, 10, 7, 5];
const LIMIT = 3;
const OPERATORS = operatorCount(SMALL.layers);
const named = (name: string) => hash(new TextEncoder().encode(name));

let folder: string;
let opened: AsyncDisposableStack;
let honest: ChallengedRun;
let answer: Uint8Array;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-challenge-'));
  opened = new AsyncDisposableStack();
  honest = await runOf();
  answer = await honest.prove(honest.job);
}, 600_000);
afterAll(async () => {
  await opened.disposeAsync();
  await endSnarkjs();
  await rm(folder, { recursive: true });
});

let models = 0;
async function convert(gguf: Uint8Array) {
  const path = join(folder, `model-${models++}.gguf`);
  await writeFile(path, gguf);
  return exactModelFile(path, { cacheFolder: folder });
}

/** A run of the paid model, or of another one in its place. */
async function runOf(
  options: { readonly ran?: Uint8Array; readonly prompt?: readonly number[]; readonly position?: number } = {},
) {
  const { path, modelId } = await convert(smallModel());
  const ran = options.ran === undefined ? {} : { ran: (await convert(options.ran)).path };
  const { prompt = PROMPT, position = POSITION } = options;
  const model = opened.use(await challengedModel({ path, modelId, ...ran, folder, attentionPositions: 8 }));
  return model.run({ prompt, limit: LIMIT, position });
}

const NO_PROOF = new Uint8Array(256);
/** For what is refused before any proof is looked at. */
const noProofs: KeptProofs = { get: async () => NO_PROOF, put: async () => undefined };

/** What a worker gets together who has `known` proofs and makes those that can be made, in order; where one cannot, the later ones would need what is false to be true. */
async function bestEffort(
  run: ChallengedRun,
  job: ProvingJob,
  known: ChallengeAnswer['proofs'] = [],
): Promise<Uint8Array> {
  const kept = new Map(known.map(({ operator, proof }) => [operator, proof]));
  let next = 0;
  const proofs: KeptProofs = {
    get: async (operator) => {
      next = operator;
      return kept.get(operator);
    },
    put: async (operator, proof) => void kept.set(operator, proof),
  };
  await expect(run.prove(job, proofs)).rejects.toMatchObject({ code: 'STATEMENT_FALSE' });
  for (let operator = next; operator < OPERATORS; operator++) kept.set(operator, NO_PROOF);
  return run.prove(job, proofs);
}

const judge = (bytes: Uint8Array, facts: Partial<ChallengeFacts> = {}, run = honest) =>
  checkChallenge({ ...run.facts, ...facts }, bytes, run.parts);

/** The answer with something else in it. */
const changed = (change: (answer: ChallengeAnswer) => Partial<ChallengeAnswer>): Uint8Array => {
  const opened = decode(challengeAnswerCodec, answer);
  return encode(challengeAnswerCodec, { ...opened, ...change(opened) });
};

const rejected = (rule: number, what: RegExp) => ({ verdict: 'reject', rule, what: expect.stringMatching(what) });

test('Z-48: an honest token is proven by every operator, and each link holds', async () => {
  const verdict = await judge(answer);
  expect(verdict).toMatchObject({ verdict: 'accept', position: POSITION, unproven: [] });
  expect(verdict.verdict === 'accept' && verdict.proven.map(({ operator }) => operator)).toEqual(
    Array.from({ length: OPERATORS }, (_, operator) => operator),
  );
});

describe('what is sent', () => {
  const cases: readonly (readonly [string, () => Uint8Array, number, RegExp])[] = [
    ['nothing', () => new Uint8Array(), AUDIT_RULES.challengeMissing, /proved nothing/],
    ['something that does not read', () => answer.subarray(1), AUDIT_RULES.challengeMalformed, /does not read/],
    [
      'a proof for another position',
      () => changed(() => ({ position: 4 })),
      AUDIT_RULES.challengeMalformed,
      /position/,
    ],
    [
      'an operator left out',
      () => changed(({ proofs }) => ({ proofs: proofs.filter(({ operator }) => operator !== 7) })),
      AUDIT_RULES.challengeProof,
      /Operator 7, gate, is not proven/,
    ],
    [
      'an operator proven twice',
      () => changed(({ proofs }) => ({ proofs: [...proofs.slice(0, 1), ...proofs] })),
      AUDIT_RULES.challengeMalformed,
      /once each/,
    ],
    [
      'an operator that the model does not have',
      () => changed(({ proofs }) => ({ proofs: [...proofs, { operator: OPERATORS, proof: new Uint8Array(256) }] })),
      AUDIT_RULES.challengeMalformed,
      /not asked for/,
    ],
    [
      'another operator’s proof',
      () =>
        changed(({ proofs }) => ({ proofs: proofs.map((one) => ({ ...one, proof: proofs[3]?.proof ?? one.proof })) })),
      AUDIT_RULES.challengeProof,
      /operator 0/,
    ],
    [
      'a leaf less',
      () => changed(({ leaves }) => ({ leaves: leaves.slice(1) })),
      AUDIT_RULES.challengeTrace,
      /number of leaves/,
    ],
    [
      'a leaf changed',
      () => changed(({ leaves }) => ({ leaves: leaves.map((leaf, i) => (i === 4 ? named('another') : leaf)) })),
      AUDIT_RULES.challengeTrace,
      /receipt’s trace/,
    ],
    [
      'a commitment less',
      () => changed(({ commitments }) => ({ commitments: commitments.slice(1) })),
      AUDIT_RULES.challengeMalformed,
      /number of commitments/,
    ],
    [
      'a commitment that is not under its leaf',
      () =>
        changed(({ commitments }) => ({
          commitments: commitments.map((one, i) => (i === 0 ? named('made up') : one)),
        })),
      AUDIT_RULES.challengeTrace,
      /does not have this commitment to k/,
    ],
    [
      'angles of no position',
      () => changed(() => ({ angles: named('angles') })),
      AUDIT_RULES.challengeAnchor,
      /angles/,
    ],
    [
      'an embedding that is opened under another request',
      () => changed(({ opening }) => ({ opening: opening.map((byte) => byte ^ 1) })),
      AUDIT_RULES.challengeAnchor,
      /embedding/,
    ],
    ['a forged key', () => changed(() => ({ keysRoot: named('own keys') })), AUDIT_RULES.challengeKeys, /keys/],
    [
      'made-up facts',
      () => changed(({ facts }) => ({ facts: { ...facts, embeddingsRoot: named('own rows') } })),
      AUDIT_RULES.challengeKeys,
      /facts/,
    ],
    [
      'a model of fewer layers',
      () => changed(({ facts }) => ({ facts: { ...facts, layers: 1 } })),
      AUDIT_RULES.challengeKeys,
      /facts/,
    ],
  ];
  test.each(cases)('Z-48: %s is refused', async (_, bytes, rule, what) => {
    expect(await judge(bytes())).toEqual(rejected(rule, what));
  });
});

describe('what only a worker could have committed to', () => {
  /** The answer with another commitment to the keys of the first position, and the trace root that it makes. */
  const committedTo = (commitment: Uint8Array) => {
    const { run, promptTokens, outputTokens } = honest.facts;
    const opened = decode(challengeAnswerCodec, answer);
    const shape = traceShape(opened.facts, { level: 'committed', promptTokens });
    const { place } = committedPlaces(opened.facts)({ name: 'k', layer: 0, position: 0 });
    const leaf = committedLeaf({ requestId: run.requestId, place, commitment });
    const leaves = opened.leaves.map((before, i) => (i === shape.indexOf(place) ? leaf : before));
    const { root } = traceTree(hash, concatBytes(...leaves), leaves.length);
    const positions = promptTokens + outputTokens.length - 1;
    const traceRoot = traceRootOf(hash, { level: 'committed', promptTokens, positions, root });
    const commitments = opened.commitments.map((before, i) => (i === 0 ? commitment : before));
    return { bytes: encode(challengeAnswerCodec, { ...opened, leaves, commitments }), traceRoot };
  };

  test('Z-21: a past commitment that is no field element fails, and stops nobody from judging', async () => {
    const { bytes, traceRoot } = committedTo(new Uint8Array(32).fill(255));
    expect(await judge(bytes, { traceRoot })).toEqual(
      rejected(AUDIT_RULES.challengeMalformed, /commitment to k is no field element/),
    );
  });

  test.each([
    ['no prompt', { promptTokens: 0, outputTokens: [1] }],
    ['no answer', { promptTokens: 1, outputTokens: [] }],
  ])('Z-42: a receipt of %s has no position to draw, and fails', async (_, facts) => {
    expect(await judge(answer, facts)).toEqual(rejected(AUDIT_RULES.challengeTrace, /without a position/));
  });

  test('Z-48: a trace of more leaves than a call has arguments is judged', async () => {
    const promptTokens = 30_000;
    const opened = decode(challengeAnswerCodec, answer);
    const positions = promptTokens + LIMIT - 1;
    const count = traceShape(opened.facts, { level: 'committed', promptTokens }).leaves(positions);
    expect(count).toBeGreaterThan(130_000);
    const { entryHash, beacon } = honest.facts;
    const position = challengedPosition({ beacon, entryHash, positions });
    const leaves = Array.from({ length: count }, () => named('a leaf'));
    const bytes = encode(challengeAnswerCodec, { ...opened, position, leaves });
    expect(await judge(bytes, { promptTokens })).toEqual(rejected(AUDIT_RULES.challengeTrace, /receipt’s trace/));
  });
});

describe('what it is sent for', () => {
  test.each<readonly [string, Partial<ChallengeFacts>, number, RegExp]>([
    ['another answer', { entryHash: named('another entry') }, AUDIT_RULES.challengeProof, /operator 0/],
    ['another epoch', { epoch: 8n }, AUDIT_RULES.challengeProof, /operator 0/],
    ['another model', { modelId: named('another model') }, AUDIT_RULES.challengeKeys, /facts/],
    ['another cluster', { domain: named('another cluster') }, AUDIT_RULES.challengeKeys, /facts/],
    ['other tokens', { outputTokens: [0, 0, 0] }, AUDIT_RULES.challengeAnchor, /another token/],
  ])('Z-41: an answer for %s is refused', async (_, facts, rule, what) => {
    // A beacon that draws the same position, so that only what the answer is for differs.
    const { entryHash } = { ...honest.facts, ...facts };
    const beacon = beaconFor({ entryHash, positions: PROMPT.length + LIMIT - 1, position: POSITION });
    expect(await judge(answer, { ...facts, beacon })).toEqual(rejected(rule, what));
  });

  test('Z-46: the prompt’s token is the one that the tokenizer gives', async () => {
    const early = await runOf({ position: 2 });
    const prompt = PROMPT.map((token, i) => (i === 2 ? token + 1 : token));
    expect(await judge(await early.prove(early.job, noProofs), { prompt }, early)).toEqual(
      rejected(AUDIT_RULES.challengeAnchor, /another token/),
    );
  });

  test('Z-42: one trace does not do for two jobs', async () => {
    const run = { ...honest.facts.run, requestId: named('another request') };
    expect(await judge(answer, { run })).toEqual(rejected(AUDIT_RULES.challengeTrace, /does not have this commitment/));
  });

  test('Z-12: another token than the head’s is refused', async () => {
    const outputTokens = honest.facts.outputTokens.map((token, i) =>
      i === 1 ? (token + 1) % SMALL.vocabulary : token,
    );
    expect(await judge(answer, { outputTokens })).toEqual(rejected(AUDIT_RULES.challengeProof, /operator 23, logits/));
  });
});

describe('what was run', () => {
  /** The honest trace with another value of one tensor of the challenged token. */
  const withValues = (name: TensorName, change: (values: Int32Array) => Int32Array): ProvingJob => {
    const { job } = honest;
    const wanted = challengedTensors({ layers: SMALL.layers }, { position: POSITION, promptTokens: PROMPT.length });
    const at = wanted.findIndex((one) => one.name === name && one.layer === 0 && one.position === POSITION);
    return { ...job, tensors: job.tensors.map((values, i) => (i === at ? change(values) : values)) };
  };
  const fallsAt = (operator: number) => {
    const { name } = operatorOf(operator, SMALL.layers);
    return rejected(AUDIT_RULES.challengeProof, new RegExp(`operator ${operator}, ${name},`));
  };

  const proofsBefore = (operator: number) =>
    decode(challengeAnswerCodec, answer).proofs.filter((one) => one.operator < operator);

  test('a made-up hidden state: an isolated layer on zeros is not the trace’s', async () => {
    const job = withValues('attentionNorm', (values) => new Int32Array(values.length));
    expect(await judge(await bestEffort(honest, job))).toEqual(fallsAt(0));
  });

  test('a changed activation has no proof', async () => {
    const job = withValues('hidden', (values) => values.map((value) => (value < 0 ? 0 : value)));
    expect(await judge(await bestEffort(honest, job, proofsBefore(9)))).toEqual(fallsAt(9));
  });

  test('one flipped weight has no proof under the keys of the model that was paid for', async () => {
    // One bit of one weight, in the group of 32 with the largest scale.
    const flipped = (data: Uint8Array): Uint8Array => {
      const scales = Array.from({ length: data.length / 34 }, (_, group) => (data[group * 34 + 1] ?? 0) & 0x7f);
      const at = scales.indexOf(Math.max(...scales)) * 34 + 2;
      return data.map((byte, i) => (i === at ? byte ^ 0x40 : byte));
    };
    const ran = smallModel({
      replace: (tensor) => (tensor.name === 'blk.0.attn_q.weight' ? { ...tensor, data: flipped(tensor.data) } : tensor),
    });
    const cheat = await runOf({ ran });
    expect(await judge(await bestEffort(cheat, cheat.job), {}, cheat)).toEqual(fallsAt(1));
  });

  test('a model of another quantisation begins with other embeddings', async () => {
    const cheat = await runOf({ ran: smallModel({ type: 'Q4_0' }) });
    expect(await judge(await cheat.prove(cheat.job, noProofs), {}, cheat)).toEqual(
      rejected(AUDIT_RULES.challengeAnchor, /another embedding/),
    );
  });

  test('a teleport into another answer’s trace falls at its first operator', async () => {
    const cached = await runOf({ prompt: [2, 9, 4, 4, 11], position: 2 });
    const { commit, model, facts: known } = cached;
    const { run, outputTokens } = known;
    const promptTokens = PROMPT.length;
    const { embeddings, facts } = await modelFacts(model, { attentionPositions: 8, positions: 64 }, { commit });
    // The cached trace, with the embeddings of what is claimed put in front of it at every position.
    const tokens = [...PROMPT, ...outputTokens];
    const positions = tokens.length - 1;
    const shape = traceShape(facts, { level: 'committed', promptTokens });
    const valuesOf = (token: number) => new Int32Array(embeddings.row(token).slice().buffer);
    const leaves = [...cached.job.leaves];
    for (const [position, token] of tokens.slice(0, -1).entries()) {
      const { place } = committedPlaces(facts)({ name: 'embedding', layer: undefined, position });
      const commitment = commit({ values: valuesOf(token), bits: 32, blinding: tensorBlinding(run, place) });
      leaves[shape.indexOf(place)] = committedLeaf({ requestId: run.requestId, place, commitment });
    }
    const { root } = traceTree(hash, concatBytes(...leaves), leaves.length);
    const traceRoot = traceRootOf(hash, { level: 'committed', promptTokens, positions, root });
    const wanted = challengedTensors(facts, { position: 2, promptTokens });
    const at = wanted.findIndex(({ name }) => name === 'embedding');
    const token = PROMPT[2] ?? 0;
    const tensors = cached.job.tensors.map((values, i) => (i === at ? valuesOf(token) : values));
    const bytes = await bestEffort(cached, { ...cached.job, leaves, tensors, token });
    expect(await judge(bytes, { traceRoot, prompt: PROMPT }, cached)).toEqual(fallsAt(0));
  });
});
