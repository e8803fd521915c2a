import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { falseVoteKey, findingCommitment, silenceKey } from './evidence.ts';

interface Vectors {
  readonly domain: string;
  readonly commitments: readonly Readonly<Record<'evidence' | 'finder' | 'salt' | 'commitment', string>>[];
  readonly falseVote: { readonly epoch: string; readonly offenceKey: string };
  readonly silence: { readonly epoch: string; readonly offenceKey: string };
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/evidence.json', import.meta.url), 'utf8'),
);

test('P-41: commitments are those of the vectors', () => {
  const domain = fromHex(vectors.domain);
  const made = vectors.commitments.map(({ finder, evidence, salt }) =>
    toHex(findingCommitment(domain, { finder: fromHex(finder), evidence: fromHex(evidence), salt: fromHex(salt) })),
  );
  expect(made).toEqual(vectors.commitments.map(({ commitment }) => commitment));
});

test('P-47, P-50: the keys of a false vote and of silence are those of the vectors', () => {
  const { falseVote, silence } = vectors;
  expect(toHex(falseVoteKey(BigInt(falseVote.epoch)))).toBe(falseVote.offenceKey);
  expect(toHex(silenceKey(BigInt(silence.epoch)))).toBe(silence.offenceKey);
});
