import { firstSlotOfEpoch, parametersIn } from '@karmesh/sdk/protocol';
import type { ConfigFacts, EpochFacts, VoteFacts } from './chain/chainReader.ts';

/** What a validator does next, from which slot on; a slot that has passed means now. */
export interface Upcoming {
  readonly duty:
    | 'attest'
    | 'reveal its salt'
    | 'audit'
    | 'seal a report'
    | 'reveal its report'
    | 'see it final'
    | 'close or attest';
  readonly epoch: bigint;
  readonly fromSlot: bigint;
}

/** The next duty by the phase of the oldest epoch that is not final, or the closing of the current one. Undefined before the first epoch. */
export function upcomingDuty(state: {
  readonly slot: bigint;
  readonly config: ConfigFacts;
  /** Ascending. */
  readonly epochs: readonly EpochFacts[];
  readonly vote: (epoch: bigint) => VoteFacts | undefined;
}): Upcoming | undefined {
  const { slot, config, epochs, vote } = state;
  const { epochZeroSlot } = config;
  const { slotsPerEpoch } = config.parameters;
  if (epochZeroSlot === undefined) return undefined;
  const open = epochs.find((one) => one.state !== 'finalised' && one.epoch > (config.lastFinalisedEpoch ?? -1n));
  if (open !== undefined) {
    const { epoch } = open;
    const parameters = parametersIn(config, epoch);
    const voted = vote(epoch);
    const isSealed = voted?.sealed === true && voted.sealAttempt === open.verdictAttempt;
    switch (open.state) {
      case 'closed':
        return { duty: 'attest', epoch, fromSlot: slot };
      case 'attested':
        return voted?.attested === true && !voted.saltRevealed
          ? { duty: 'reveal its salt', epoch, fromSlot: slot }
          : { duty: 'audit', epoch, fromSlot: open.beaconTargetSlot + 1n };
      case 'beacon':
        return { duty: 'seal a report', epoch, fromSlot: open.beaconTargetSlot + parameters.auditSlots };
      case 'verdicts':
        return { duty: isSealed ? 'reveal its report' : 'seal a report', epoch, fromSlot: slot };
      default:
        return { duty: 'see it final', epoch, fromSlot: open.quorumSlot + parameters.challengeSlots };
    }
  }
  const current = slot < epochZeroSlot ? 0n : (slot - epochZeroSlot) / slotsPerEpoch;
  // The last one that ended is closed first, unless it is on chain already.
  const last = current - 1n;
  const epoch = last >= 0n && epochs.every((one) => one.epoch !== last) ? last : current;
  const { closeDelaySlots } = parametersIn(config, epoch);
  const begin = firstSlotOfEpoch({ epochZeroSlot, slotsPerEpoch }, epoch + 1n);
  return { duty: 'close or attest', epoch, fromSlot: begin + closeDelaySlots };
}
