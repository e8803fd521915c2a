import { equalBytes, type Identity, type Participant } from '@karmesh/sdk/protocol';
import type { ParticipantFacts } from '../chain/chainReader.ts';

/** G-04: the keys that a gateway's checkpoint may be signed with: its newest, and the one before it, which holds until the epoch ends. */
export function gatewayKeys(participants: readonly ParticipantFacts[], gateway: Participant): readonly Identity[] {
  const account = participants.find((one) => one.role === 'gateway' && equalBytes(one.address, gateway));
  return account === undefined ? [] : [account.identity, account.previousIdentity];
}
