import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { decideQuorum } from './quorum.ts';

interface Vectors {
  readonly cases: readonly {
    readonly name: string;
    readonly answers: readonly { readonly worker: string; readonly outputHash: string; readonly traceRoot: string }[];
    readonly decision: {
      readonly kind: string;
      readonly outputHash?: string;
      readonly agreeing?: readonly string[];
      readonly dissenting: readonly string[];
    };
  }[];
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/quorum.json', import.meta.url), 'utf8'),
);

test.each(vectors.cases)('Q-01: $name', ({ answers, decision }) => {
  const decided = decideQuorum(
    answers.map(({ worker, outputHash, traceRoot }) => ({
      worker: fromHex(worker),
      outputHash: fromHex(outputHash),
      traceRoot: fromHex(traceRoot),
    })),
  );
  expect(
    decided.kind === 'none'
      ? { kind: 'none', dissenting: decided.dissenting.map(toHex) }
      : {
          kind: 'agreed',
          outputHash: toHex(decided.outputHash),
          agreeing: decided.agreeing.map(toHex),
          dissenting: decided.dissenting.map(toHex),
        },
  ).toEqual(decision);
});
