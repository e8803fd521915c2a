import { openTensorCommitter } from '@karmesh/circuits/commitment/open';
import { BUNDLED_KEYS_PATH, modelKeyTree, readModelKeys } from '@karmesh/node/models';
import type { KeysName } from '@karmesh/sdk/program';
import { AUDIT_RULES, type AuditOpen, challengeAnswerCodec, challengedPosition, encode } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import type { DrawnAudit } from '../epoch/drawnAudits.ts';
import { accepted } from '../fixtures/accepted.ts';
import { fixtureMarket, named } from '../fixtures/market.ts';
import { challengeJudge, type KnownKeys } from './challengeJudge.ts';

const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain } = market;
const keys = await readModelKeys(BUNDLED_KEYS_PATH);
const tree = modelKeyTree(domain, keys);
const known: KnownKeys = { ...keys, keysRoot: tree.root.hash, keyCount: tree.count };
const wish = { dispatchNumber: 1, slot: 501n, assurance: 'proof' } as const;
const { checked, entryHash } = accepted(market, wish);
const [receipt] = checked.agreeing;
if (receipt === undefined) throw new RangeError('The answer has receipts.');
const audit = { checked, entryHash, drawnEpoch: 5n, drawnBeacon: named('beacon'), receipt } as unknown as DrawnAudit;

const ZERO = new Uint8Array(32);
const answer = {
  position: challengedPosition({
    beacon: named('beacon'),
    entryHash,
    positions: receipt.receipt.value.promptTokens + market.tokens(wish).length - 1,
  }),
  facts: keys.facts,
  keysRoot: named('another root'),
  factsPath: [],
  leaves: [],
  commitments: [],
  angles: ZERO,
  anglesPath: [],
  opening: new Uint8Array(),
  proofs: [],
};

/** What becomes of an answer, and which keys the chain is asked for. */
async function judged(challenge: Uint8Array, isAdmittedElsewhere = true, mayAbstain = true) {
  const asked: KeysName[] = [];
  const judge = challengeJudge({
    domain,
    keys: [known],
    isAdmitted: () => true,
    isAdmittedElsewhere: async (name) => {
      asked.push(name);
      return isAdmittedElsewhere;
    },
    commit: await openTensorCommitter(),
    replayer: { prompt: async () => [1] },
    firstSlotOf: (epoch) => epoch * 100n,
    deadlineSlots: 250n,
  });
  const request = { ...market.request(wish), modelId: keys.modelId };
  const opened = { request, tokens: market.tokens(wish), challenge } as unknown as AuditOpen;
  const { signal } = new AbortController();
  const verdict = await judge.judge(audit, opened, { mayAbstain, signal });
  return { asked, rule: verdict?.verdict === 'reject' ? verdict.rule : verdict?.verdict };
}

test('Z-40: proofs under keys that others have admitted are not judged here', async () => {
  const bytes = encode(challengeAnswerCodec, answer);
  const name = { modelId: keys.modelId, keysRoot: answer.keysRoot, keyCount: tree.count };
  expect(await judged(bytes)).toEqual({ asked: [name], rule: undefined });
  expect(await judged(bytes, false)).toEqual({ asked: [name], rule: AUDIT_RULES.challengeKeys });
  expect(await judged(bytes, true, false)).toEqual({ asked: [], rule: AUDIT_RULES.challengeKeys });
});

test('Z-40: the chain is asked neither for keys that are known nor for what does not read', async () => {
  const { challengeKeys, challengeMalformed, challengeMissing } = AUDIT_RULES;
  const own = encode(challengeAnswerCodec, { ...answer, keysRoot: known.keysRoot });
  expect(await judged(own)).toEqual({ asked: [], rule: challengeKeys });
  expect(await judged(new Uint8Array())).toEqual({ asked: [], rule: challengeMissing });
  expect(await judged(own.subarray(1))).toEqual({ asked: [], rule: challengeMalformed });
  const endless = encode(challengeAnswerCodec, { ...answer, facts: { ...keys.facts, layers: 2 ** 32 - 1 } });
  expect(await judged(endless)).toEqual({ asked: [], rule: challengeKeys });
});
