import { readFile } from 'node:fs/promises';
import { deployLayerVerifier, type LayerVerifier } from '@karmesh/sdk/evm';
import { programErrorName } from '@karmesh/sdk/program';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Anvil, noAnvil, startAnvil, WITH_ANVIL } from './startAnvil.ts';

interface Case {
  readonly name: string;
  readonly key: string;
  readonly signals: readonly string[];
  readonly proof: string;
  readonly verdict: 'accept' | { readonly rule: string; readonly fault: string };
}

const { cases } = JSON.parse(await readFile(new URL('../vectors/proofs.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Case[];
};

/** What the contract calls the faults of the table. */
const VERDICTS: Readonly<Record<string, Case['verdict']>> = {
  KeyInvalid: { rule: 'Z-20', fault: 'key' },
  SignalCount: { rule: 'Z-21', fault: 'signal count' },
  SignalRange: { rule: 'Z-21', fault: 'signal range' },
  ProofLength: { rule: 'Z-22', fault: 'proof length' },
  PointA: { rule: 'Z-22', fault: 'point A' },
  PointB: { rule: 'Z-22', fault: 'point B' },
  PointC: { rule: 'Z-22', fault: 'point C' },
  Equation: { rule: 'Z-23', fault: 'equation' },
};

describe.skipIf(noAnvil)(WITH_ANVIL, () => {
  const { signal } = new AbortController();
  const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
  const verifiers = new Map<string, Promise<LayerVerifier>>();
  let anvil: Anvil;
  beforeAll(async () => {
    anvil = await startAnvil();
  });
  afterAll(() => anvil?.[Symbol.asyncDispose]());

  /** What the verifier in Solidity says of a case, in the file's words. */
  async function judge({ key, signals, proof }: Case): Promise<Case['verdict']> {
    const { runner } = anvil.chain;
    const deployed = verifiers.get(key) ?? deployLayerVerifier(bytes(key), { runner, signal, gasLimit: 5_000_000n });
    verifiers.set(key, deployed);
    try {
      await (await deployed).verify({ signals: signals.map(BigInt), proof: bytes(proof) }, { signal });
      return 'accept';
    } catch (error) {
      const verdict = VERDICTS[programErrorName(error) ?? ''];
      if (verdict === undefined) throw error;
      return verdict;
    }
  }

  test.each(cases)('Z-20 to Z-23: $name', async (each) => {
    expect(await judge(each)).toEqual(each.verdict);
  });
});
