import { readFile } from 'node:fs/promises';
import { CircuitsError } from '@karmesh/circuits';
import { verifyLayer } from '@karmesh/circuits/verify';
import { proofContext } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';

interface Case {
  readonly name: string;
  readonly key: string;
  readonly signals: readonly string[];
  readonly proof: string;
  readonly verdict: 'accept' | { readonly rule: string; readonly fault: string };
}

const { cases, chain } = JSON.parse(await readFile(new URL('../vectors/proofs.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Case[];
  readonly chain: { readonly place: Readonly<Record<string, string | number>>; readonly cases: readonly Case[] };
};
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/** What this verifier says of a case, in the file's words. */
function judge({ key, signals, proof }: Case): Case['verdict'] {
  try {
    const verdict = verifyLayer({ verifyingKey: bytes(key), signals: signals.map(BigInt), proof: bytes(proof) });
    return verdict.verdict === 'accept' ? 'accept' : { rule: verdict.rule, fault: verdict.fault };
  } catch (error) {
    if (error instanceof CircuitsError && error.code === 'KEY_INVALID') return { rule: 'Z-20', fault: 'key' };
    throw error;
  }
}

test.each(cases)('Z-20 to Z-23: $name', (each) => {
  expect(judge(each)).toEqual(each.verdict);
});

test.each(chain.cases)('Z-20 to Z-23, for a chain: $name', (each) => {
  expect(judge(each)).toEqual(each.verdict);
});

test('Z-41: the context of the chain’s cases is that of their place', () => {
  const { domain, epoch, entryHash, modelId, position, operator } = chain.place;
  const context = proofContext(bytes(String(domain)), {
    epoch: BigInt(epoch ?? ''),
    entryHash: bytes(String(entryHash)),
    modelId: bytes(String(modelId)),
    position: Number(position),
    operator: Number(operator),
  });
  expect(chain.cases.find(({ verdict }) => verdict === 'accept')?.signals[2]).toBe(String(context));
});
