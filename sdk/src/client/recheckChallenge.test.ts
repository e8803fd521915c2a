import { expect, test } from 'vitest';
import { label, Market } from '../protocol/fixtures/market.ts';
import {
  agreeingReceipts,
  type Bundle,
  challengeAnswerCodec,
  challengedPosition,
  concatBytes,
  encode,
  entryHashOf,
  hash,
  layerKeyTree,
  type ModelFacts,
  modelFactsLeaf,
  operatorCount,
  traceRootOf,
  traceShape,
  traceTree,
} from '../protocol/index.ts';
import { type ChallengeReader, type ProofTools, recheckChallenge } from './recheckChallenge.ts';

const market = new Market({ modelId: label('model') });
const { domain, modelId } = market;
const facts: ModelFacts = {
  layers: 1,
  width: 8,
  queryWidth: 8,
  keyWidth: 8,
  hidden: 8,
  vocabulary: 4,
  variant: 'narrow',
  keys: 'development',
  attentionPositions: 64,
  positions: 64,
  anglesRoot: label('angles'),
  embeddingsRoot: label('embeddings'),
};
const keys = Array.from({ length: operatorCount(facts.layers) }, (_, i) => ({
  keyId: label(`key ${i}`),
  contextIndex: 2,
}));
const tree = layerKeyTree(domain, { modelId, keys, facts: modelFactsLeaf(domain, { modelId, facts }) });

const PROMPT_TOKENS = 20;
const OUTPUT_TOKENS = 8;
const positions = PROMPT_TOKENS + OUTPUT_TOKENS - 1;
const count = traceShape(facts, { level: 'committed', promptTokens: PROMPT_TOKENS }).leaves(positions);
const leaves = Array.from({ length: count }, (_, i) => label(`leaf ${i}`));
const { root } = traceTree(hash, concatBytes(...leaves), count);
const traceRoot = traceRootOf(hash, { level: 'committed', promptTokens: PROMPT_TOKENS, positions, root });
/** The first worker of the draw gives the same answer as the others, and commits to another run. */
const entry = market.entry({
  assurance: 'proof',
  body: (body, place) => ({ ...body, traceRoot: place === 0 ? label('another run') : traceRoot }),
});
const beacon = label('beacon');
const answer = {
  position: challengedPosition({ beacon, entryHash: entryHashOf(entry), positions }),
  facts,
  keysRoot: tree.root.hash,
  factsPath: tree.path(tree.count - 1),
  leaves,
  commitments: [],
  angles: label('angles of a position'),
  anglesPath: [],
  opening: new Uint8Array(),
  proofs: Array.from({ length: 4096 }, () => ({ operator: 3, proof: new Uint8Array(256) })),
};

/** What a recheck of this answer finds, and which keys it asks the chain for. */
async function recheck(challenge: Partial<typeof answer>) {
  const asked: number[] = [];
  const reader: ChallengeReader = {
    addresses: { modelKeys: () => label('keys') },
    modelKeys: async () => ({ address: label('keys'), admittedEpoch: 1n }) as never,
    layer: async (_, operator) => {
      asked.push(operator);
      return undefined;
    },
    provenOf: async () => [],
  };
  const commit = Object.assign(() => label('commitment'), { list: () => label('list') });
  const tools: ProofTools = { commit, verify: () => false };
  const bundle = {
    entry,
    request: {
      modelId,
      assurance: 'proof',
      maxTokens: 8,
      temperatureMicro: 0,
      stops: [],
      messages: [],
      blinding: root,
    },
    tokens: Array.from({ length: OUTPUT_TOKENS }, () => 'x'.charCodeAt(0)),
    set: { manifest: { epoch: 1n } },
    challenge: encode(challengeAnswerCodec, { ...answer, ...challenge }),
  } as unknown as Bundle & { readonly challenge: Uint8Array };
  const { signal } = new AbortController();
  const { checks } = await recheckChallenge(reader, { bundle, domain, beacon, tools, isLocal: true, signal });
  return { asked, failing: checks.filter(({ holds }) => !holds) };
}

test('B-09: the trace is that of the workers who agree, not of one with the same answer', async () => {
  expect(agreeingReceipts(entry).length).toBe(2);
  const { failing } = await recheck({});
  // This answer's leaves are the agreed trace's; what it lacks comes behind them.
  expect(failing).toMatchObject([{ rule: 'Z-48', facts: { why: 'The answer has another number of commitments.' } }]);
});

test('B-09: a bundle that names a key thousands of times costs one request', async () => {
  expect((await recheck({})).asked).toEqual([3]);
});

test('Z-40: facts of more operators than a registry has room for are not looked up', async () => {
  const { failing } = await recheck({ facts: { ...facts, layers: 2 ** 32 - 1 } });
  expect(failing).toMatchObject([{ rule: 'Z-40' }]);
});
