import { chainPreimage, checkChainPreimage } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { hashChain } from './hashChain.ts';

test('A-01: every preimage is the one of the definition and reaches the commitment', () => {
  for (const length of [1, 255, 256, 257, 700]) {
    const secret = new Uint8Array(32).fill(length);
    const chain = hashChain({ secret, length });
    for (const n of [1, 2, 100, 255, 256, 257, 512, length].filter((each) => each <= length)) {
      const dispatchNumber = BigInt(n);
      const preimage = chain.preimage(dispatchNumber);
      expect(preimage).toEqual(chainPreimage({ secret, length }, dispatchNumber));
      expect(checkChainPreimage({ preimage, dispatchNumber, commitment: chain.commitment, length })).toBe(true);
    }
  }
});

test('A-01: there is no preimage outside of the chain', () => {
  const chain = hashChain({ secret: new Uint8Array(32), length: 10 });
  expect(() => chain.preimage(0n)).toThrowError('A hash chain has no preimage for this dispatch number.');
  expect(() => chain.preimage(11n)).toThrowError('A hash chain has no preimage for this dispatch number.');
});
