import {
  decodeBuffer,
  decodeCase,
  decodeChallenge,
  decodeFault,
  decodeFinding,
  decodeVote,
  type ProgramClient,
  type RawAccount,
} from '@karmesh/sdk/program';
import type { Report } from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';
import type { World } from './world.ts';

type Client = Pick<
  ProgramClient,
  | 'addresses'
  | 'send'
  | 'finding'
  | 'buffer'
  | 'offenceCase'
  | 'fault'
  | 'votes'
  | 'cases'
  | 'challenges'
  | 'challenge'
  | 'revealedReport'
>;

/** What a validator's program reads and sends, over the ledger of a test instead of RPC. Cases are those of the offences that are named, and so are challenges; the ledger has no history, so that reports which votes revealed are named, too. */
export function ledgerClient(
  { ledger, addresses, validators }: World,
  payer: Keypair,
  offences: readonly { readonly offender: Uint8Array; readonly offenceKey: Uint8Array }[] = [],
  challenges: readonly { readonly reportHash: Uint8Array; readonly index: number }[] = [],
  reports: readonly Report[] = [],
): Client {
  const read = async <T>(address: Uint8Array, decode: (account: RawAccount) => T): Promise<T | undefined> => {
    const account = await ledger.account(address);
    return account === undefined || account.data.length === 0 ? undefined : decode(account);
  };
  const present = <T>(values: readonly (T | undefined)[]): readonly T[] =>
    values.flatMap((value) => (value === undefined ? [] : [value]));
  return {
    addresses,
    async send(instructions) {
      await ledger.send(instructions, [payer]);
      return { signature: 'none', slot: await ledger.slot() };
    },
    finding: (finder, commitment) => read(addresses.finding(finder, commitment), decodeFinding),
    buffer: (owner, nonce) => read(addresses.buffer(owner, nonce), decodeBuffer),
    offenceCase: (offender, key) => read(addresses.offenceCase(offender, key), decodeCase),
    fault: (address) => read(address, decodeFault),
    votes: async (epoch) =>
      present(await Promise.all(validators.map(({ address }) => read(addresses.vote(epoch, address), decodeVote)))),
    challenge: ({ reportHash, index }) => read(addresses.challenge(reportHash, index), decodeChallenge),
    revealedReport: async ({ isWanted }) => reports.find(isWanted),
    challenges: async () =>
      present(
        await Promise.all(
          challenges.map(({ reportHash, index }) => read(addresses.challenge(reportHash, index), decodeChallenge)),
        ),
      ),
    cases: async () =>
      present(
        await Promise.all(
          offences.map(({ offender, offenceKey }) => read(addresses.offenceCase(offender, offenceKey), decodeCase)),
        ),
      ),
  };
}
