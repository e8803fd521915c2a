import {
  rewardsCommand,
  type StakedRole,
  stakeCommand,
  unstakeCommand,
  withdrawCommand,
} from '@karmesh/sdk/participant/staking';
import { registerSchema } from './config.ts';

/** Workers, whose bond is their owner's alone (P-30), with the settings of `register`. */
const workers: StakedRole = { role: 'worker', section: 'worker-register', sharedWith: [registerSchema] };

export const stake = stakeCommand(workers);
export const unstake = unstakeCommand(workers);
export const withdraw = withdrawCommand(workers);
export const rewards = rewardsCommand(workers);
