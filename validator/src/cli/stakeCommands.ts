import {
  rewardsCommand,
  type StakedRole,
  stakeCommand,
  unstakeCommand,
  withdrawCommand,
} from '@karmesh/sdk/participant/staking';
import { peekClaimable } from '../epoch/peekClaimable.ts';
import { registerSchema, startSchema } from './config.ts';

/** Validators, with the settings that `init` wrote. */
const validators: StakedRole = {
  role: 'validator',
  section: 'validator',
  sharedWith: [startSchema, registerSchema],
  claimable: peekClaimable,
};

export const stake = stakeCommand(validators);
export const unstake = unstakeCommand(validators);
export const withdraw = withdrawCommand(validators);
export const rewards = rewardsCommand(validators);
