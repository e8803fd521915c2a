import { expect, test } from 'vitest';
import { CHAIN_PARAMETERS, namedParameters, parametersIn } from './parameters.ts';

const NOTHING = { index: 0n, fromEpoch: 0n, before: 0n };
const values = CHAIN_PARAMETERS.map((_, i) => BigInt(100 + i));
const parameters = namedParameters(values);
const fee = CHAIN_PARAMETERS.indexOf('feeShareBps');
const price = CHAIN_PARAMETERS.indexOf('listPriceLamports');

test('P-36: without a change every epoch has the parameters of today', () => {
  for (const epoch of [0n, 7n, 1n << 60n]) {
    expect(parametersIn({ parameters, changes: [NOTHING, NOTHING, NOTHING, NOTHING] }, epoch)).toEqual(parameters);
  }
});

test('P-36: a change holds from its epoch on; of several the one before the oldest that comes later', () => {
  const changes = [
    { index: BigInt(fee), fromEpoch: 9n, before: 3n },
    { index: BigInt(price), fromEpoch: 9n, before: 8n },
    { index: BigInt(fee), fromEpoch: 9n, before: 2n },
    { index: BigInt(fee), fromEpoch: 5n, before: 1n },
  ];
  const read = [0n, 4n, 5n, 8n, 9n, 10n].map((epoch) => parametersIn({ parameters, changes }, epoch));
  const now = BigInt(100 + fee);
  expect(read.map(({ feeShareBps }) => feeShareBps)).toEqual([1n, 1n, 2n, 2n, now, now]);
  const listed = BigInt(100 + price);
  expect(read.map(({ listPriceLamports }) => listPriceLamports)).toEqual([8n, 8n, 8n, 8n, listed, listed]);
  expect(read.map(({ slotsPerEpoch }) => slotsPerEpoch)).toEqual(Array.from({ length: 6 }, () => 100n));
});
