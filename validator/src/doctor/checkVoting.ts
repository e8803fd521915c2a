import { type ConfigAccount, EPOCH_STATE, type EpochAccount, NONE, type ProgramClient } from '@karmesh/sdk/program';
import {
  type ChainParameters,
  epochOfSlot,
  firstSlotOfEpoch,
  namedParameters,
  parametersIn,
} from '@karmesh/sdk/protocol';
import { type Found, ok, warning } from './finding.ts';

/** Ended epochs that are looked at; older ones say little of today. */
const EPOCHS_READ = 4;

const TODO =
  'Ask who runs the others; karmesh validator status shows what yours votes. Who watches for another process with its identity (V-26) does not vote for two epochs.';

/** What the chain shows of the last ended epochs. */
export interface SeenEpochs {
  readonly slot: bigint;
  /** The last ended epochs, the newest first. */
  readonly ended: readonly bigint[];
  /** The first slot behind an epoch. */
  readonly endSlotOf: (epoch: bigint) => bigint;
  readonly validatorCount: number;
  /** The newest first. */
  readonly accounts: readonly Pick<
    EpochAccount,
    'epoch' | 'state' | 'closeSlot' | 'attestedSlot' | 'attestedStake' | 'totalStake'
  >[];
  /** As they held in an epoch (P-36). */
  readonly parametersOf: (epoch: bigint) => ChainParameters;
}

/** Whether so much of the stake votes that epochs become final: of the newest epoch whose time for attestations is over more than two thirds have attested (P-13). */
export function judgeVoting(seen: SeenEpochs): Found {
  const { slot, ended, endSlotOf, validatorCount, accounts, parametersOf } = seen;
  if (ended.length === 0) return ok('No epoch has ended yet, so that nobody had to vote.');
  // P-12: by then each validator had its turn to close it.
  const due = ended.find((epoch) => {
    const { closeDelaySlots, proposerWindowSlots } = parametersOf(epoch);
    return slot >= endSlotOf(epoch) + closeDelaySlots + BigInt(validatorCount) * proposerWindowSlots;
  });
  if (due !== undefined && accounts.every(({ epoch }) => epoch < due))
    return warning(`No validator has closed epoch ${due}, although each had its turn: no epoch becomes final.`, TODO);
  const voted = accounts.find(({ epoch, state, closeSlot, attestedSlot }) => {
    const from = state === EPOCH_STATE.closed ? closeSlot : attestedSlot;
    return slot > from + parametersOf(epoch).saltRevealSlots;
  });
  if (voted === undefined) return ok('No epoch’s time to vote is over yet.');
  const { epoch, attestedStake, totalStake } = voted;
  const share = `${Number((attestedStake * 1_000n) / (totalStake || 1n)) / 10} % of the stake`;
  return 3n * attestedStake > 2n * totalStake
    ? ok(`Validators with ${share} attested epoch ${epoch}.`)
    : warning(
        `Only validators with ${share} attested epoch ${epoch}: no epoch becomes final without more than two thirds.`,
        TODO,
      );
}

/** Reads the last ended epochs and judges them. Throws `RPC_UNREACHABLE`, `RPC_FAILED`. */
export async function checkVoting(
  client: Pick<ProgramClient, 'epoch'>,
  { chain, slot, signal }: { readonly chain: ConfigAccount; readonly slot: bigint; readonly signal: AbortSignal },
): Promise<Found> {
  const parameters = namedParameters(chain.parameters);
  const epochZeroSlot = chain.started === 0 || chain.epochZeroSlot === NONE ? undefined : chain.epochZeroSlot;
  const clock = { epochZeroSlot, slotsPerEpoch: parameters.slotsPerEpoch };
  const current = epochOfSlot(clock, slot) ?? 0n;
  const last = Array.from({ length: EPOCHS_READ }, (_, i) => current - 1n - BigInt(i)).filter((epoch) => epoch >= 0n);
  const read = await Promise.all(last.map((epoch) => client.epoch(epoch, { signal })));
  return judgeVoting({
    slot,
    ended: last,
    endSlotOf: (epoch) => firstSlotOfEpoch(clock, epoch + 1n),
    validatorCount: chain.validatorCount,
    accounts: read.filter((account) => account !== undefined),
    parametersOf: (epoch) => parametersIn({ parameters, changes: chain.changes }, epoch),
  });
}
