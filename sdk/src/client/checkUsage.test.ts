import { expect, test } from 'vitest';
import type { ConfigAccount, ParticipantAccount } from '../program/accounts.ts';
import { equalBytes, makeDomain, signRecord, type Usage, usageRecord } from '../protocol/index.ts';
import { generateKeypair } from '../runtime/index.ts';
import { checkUsage } from './checkUsage.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const domain = makeDomain({ genesisHash: bytes(8), programId: bytes(9) });
const [now, before, other] = [generateKeypair(), generateKeypair(), generateKeypair()];
const value: Usage = {
  dispatchHash: bytes(1),
  worker: bytes(2),
  sequence: 4,
  promptTokens: 20,
  outputTokens: 3,
  outputChain: bytes(3),
};
const reader = {
  checkCluster: async () => ({ domain }) as ConfigAccount,
  participant: async (address: Uint8Array) =>
    equalBytes(address, value.worker)
      ? ({ identity: now.publicKey, previousIdentity: before.publicKey } as ParticipantAccount)
      : undefined,
};
const { signal } = new AbortController();
const signed = (signer: typeof now, changed: Partial<Usage> = {}, of = domain) =>
  signRecord(usageRecord, { domain: of, signer }, { ...value, ...changed });

test('what its worker signed holds, with its identity or the one before', async () => {
  for (const signer of [now, before]) expect(await checkUsage(signed(signer), { reader, signal })).toBe(true);
});

test('what somebody else signed does not, nor for another cluster, nor with other counts, nor of a worker that the chain does not know', async () => {
  const elsewhere = makeDomain({ genesisHash: bytes(7), programId: bytes(9) });
  const { signature } = signed(now);
  const forged = [
    signed(other),
    signed(now, {}, elsewhere),
    { value: { ...value, outputTokens: 4 }, signature },
    signed(now, { worker: bytes(5) }),
  ];
  for (const usage of forged) expect(await checkUsage(usage, { reader, signal })).toBe(false);
});
