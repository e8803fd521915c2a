import { addressFromBase58, chainReader, clusterPreset, proofSentence, recheckBundle } from '@karmesh/sdk/client';
import { type Bundle, decodeBundle, type ProofProgress } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { openProofTools } from '../../sdk/src/client/openProofTools.ts';
import { provenBundle } from './provenBundle.ts';
import { recordedBundle } from './recordedBundle.ts';

const { answerRpc, file, programId } = provenBundle();
const reader = chainReader({
  rpcUrl: 'http://127.0.0.1:8899',
  programId: addressFromBase58(programId),
  fetch: async (_, init) => Response.json(answerRpc(JSON.parse(String(init?.body)))),
});

async function recheck(bundle: Bundle) {
  const progress: ProofProgress[] = [];
  const verdict = await recheckBundle(reader, {
    bundle,
    presets: [clusterPreset('localnet')],
    proofTools: openProofTools,
    isLocal: true,
    onProof: (one) => progress.push(one),
    signal: AbortSignal.timeout(60_000),
  });
  return { verdict, progress };
}

test('B-09: every proof of a real answer is checked, and who waits is told how many', async () => {
  const { progress, verdict } = await recheck(decodeBundle(file));
  expect(verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
  const of = verdict.proof?.proven ?? 0;
  expect(of).toBeGreaterThanOrEqual(40);
  expect(progress).toEqual(Array.from({ length: of + 1 }, (_, checked) => ({ checked, of })));
  expect(verdict.proof === undefined ? '' : proofSentence(verdict.proof)).toMatchInlineSnapshot(
    `"Token 7 was drawn: 44 operators are proven, and the chain has a record that it checked 44 of these proofs itself."`,
  );
});

test('B-02: a bundle of another cluster fails, whose slots lie before this one’s first epoch', async () => {
  const { verdict } = await recheck(recordedBundle().bundle);
  expect(verdict.holds).toBe(false);
  expect(verdict.checks.filter(({ holds }) => !holds)[0]).toMatchObject({ rule: 'B-02' });
});
