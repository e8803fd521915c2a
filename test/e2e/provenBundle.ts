import { readFileSync } from 'node:fs';
import type { BundleFile } from '@karmesh/sdk/protocol';
import { z } from 'zod';

const schema = z.strictObject({
  about: z.string(),
  programId: z.string(),
  genesisHash: z.string(),
  /** Base64, by their addresses. All others are not there. */
  accounts: z.record(z.string(), z.base64()),
  bundle: z.unknown(),
});

const asked = z.discriminatedUnion('method', [
  z.object({ method: z.literal('getGenesisHash') }),
  z.object({ method: z.literal('getSlot') }),
  z.object({ method: z.literal('getAccountInfo'), params: z.tuple([z.string()], z.unknown()) }),
  z.object({
    method: z.literal('getProgramAccounts'),
    params: z.tuple([z.string(), z.object({ filters: z.array(z.object({ dataSize: z.int().optional() })) })]),
  }),
]);

export interface ProvenBundle {
  readonly file: BundleFile;
  readonly programId: string;
  /** What the cluster's RPC node answers to a request of `chainReader`, from the accounts that a recheck reads. */
  readonly answerRpc: (body: unknown) => unknown;
}

/** Reads test/vectors/proven.json: the bundle of an answer whose token was proven. */
export function provenBundle(): ProvenBundle {
  const path = new URL('../vectors/proven.json', import.meta.url);
  const { accounts, bundle, genesisHash, programId } = schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const account = (data: string) => ({ lamports: 1, data: [data, 'base64'] });
  const resultOf = (body: unknown): unknown => {
    const request = asked.parse(body);
    switch (request.method) {
      case 'getGenesisHash':
        return genesisHash;
      case 'getSlot':
        return 1;
      case 'getAccountInfo': {
        const data = accounts[request.params[0]];
        return { value: data === undefined ? null : account(data) };
      }
      case 'getProgramAccounts': {
        // Only what the recheck found was recorded, so that its size tells.
        const size = request.params[1].filters.find(({ dataSize }) => dataSize !== undefined)?.dataSize;
        return Object.entries(accounts)
          .filter(([, data]) => Buffer.from(data, 'base64').length === size)
          .map(([pubkey, data]) => ({ pubkey, account: account(data) }));
      }
    }
  };
  return {
    // `decodeBundle` throws unless the value has exactly this shape.
    file: bundle as BundleFile,
    programId,
    answerRpc: (body) => ({ jsonrpc: '2.0', id: 1, result: resultOf(body) }),
  };
}
