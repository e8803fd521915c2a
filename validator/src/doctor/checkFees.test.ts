import { expect, test } from 'vitest';
import { epochsAfforded, judgeFees } from './checkFees.ts';

const fees = { feeLamports: 5_000n, voteRentLamports: 2_227_200n };
const rents = 6n * fees.voteRentLamports;

test('what is bound as rent of open votes pays no fees', () => {
  expect(epochsAfforded({ ...fees, balance: rents })).toBe(0n);
  expect(epochsAfforded({ ...fees, balance: rents + 499_999n })).toBe(9n);
  expect(epochsAfforded({ ...fees, balance: 0n })).toBe(0n);
});

test('less than some epochs fails, less than wanted warns', () => {
  const judge = (epochs: bigint) =>
    judgeFees({ ...fees, balance: rents + epochs * 50_000n }, { wantedEpochs: 168, identity: 'IDENTITY' });
  expect([3n, 4n, 167n, 168n].map((epochs) => judge(epochs).severity)).toEqual(['failed', 'warning', 'warning', 'ok']);
  expect(judge(3n)).toMatchInlineSnapshot(`
    {
      "sentence": "The identity has 13513200 lamports: 3 epochs of votes at 5000 lamports a transaction.",
      "severity": "failed",
      "todo": "Send lamports to IDENTITY; the bond pays no fees.",
    }
  `);
});
