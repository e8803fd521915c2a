import { PROGRAM_ID, programAddresses } from '@karmesh/sdk/program';
import { fromHex, toHex } from '@karmesh/sdk/protocol';
import type { Key } from './ledger.ts';

const derived = programAddresses(PROGRAM_ID);
/** Deriving takes a point of the curve, and the same few addresses come again and again. */
const known = new Map<string, Key>();

function once(name: string, derive: () => Uint8Array): Key {
  const before = known.get(name);
  if (before !== undefined) return before;
  const key = toHex(derive());
  known.set(name, key);
  return key;
}

/** The program's addresses as keys of the model. */
export const at = {
  config: toHex(derived.config),
  vault: toHex(derived.vault),
  participant: (identity: Key) => once(`participant ${identity}`, () => derived.participant(fromHex(identity))),
  stake: (participant: Key, staker: Key) =>
    once(`stake ${participant} ${staker}`, () =>
      derived.stake({ participant: fromHex(participant), staker: fromHex(staker), asset: 0 }),
    ),
  chain: (gateway: Key, epoch: bigint) =>
    once(`chain ${gateway} ${epoch}`, () => derived.chain(fromHex(gateway), epoch)),
  escrow: (gateway: Key, buyer: Key) =>
    once(`escrow ${gateway} ${buyer}`, () => derived.escrow(fromHex(gateway), fromHex(buyer))),
  epoch: (epoch: bigint) => once(`epoch ${epoch}`, () => derived.epoch(epoch)),
  vote: (epoch: bigint, validator: Key) =>
    once(`vote ${epoch} ${validator}`, () => derived.vote(epoch, fromHex(validator))),
  proposal: (proposer: Key, nonce: bigint) =>
    once(`proposal ${proposer} ${nonce}`, () => derived.proposal(fromHex(proposer), nonce)),
  ballot: (proposal: Key, validator: Key) =>
    once(`ballot ${proposal} ${validator}`, () => derived.ballot(fromHex(proposal), fromHex(validator))),
  finding: (finder: Key, commitment: Key) =>
    once(`finding ${finder} ${commitment}`, () => derived.finding(fromHex(finder), fromHex(commitment))),
  offenceCase: (offender: Key, offenceKey: Key) =>
    once(`case ${offender} ${offenceKey}`, () => derived.offenceCase(fromHex(offender), fromHex(offenceKey))),
} as const;
