import { closeChain, commitChain } from './chains.ts';
import { claim, closeEpochAccount, closeVote } from './claims.ts';
import { attest, closeEpoch, postVerdicts, recordBeacon, revealSalt } from './epochs.ts';
import { authoriseDebit, depositEscrow, openEscrow, requestWithdrawal, withdrawEscrow } from './escrow.ts';
import { closeFinding, commitFinding, executeCase, proveDoubleSign } from './evidence.ts';
import { closeBallot, closeProposal, executeProposal, propose, voteProposal } from './governance.ts';
import type { Instruction } from './ledger.ts';
import {
  registerGateway,
  registerValidator,
  registerWorker,
  rotateIdentity,
  setCapacity,
  setCommission,
} from './registration.ts';
import { finalise, postRoot, revealRoot, settleEscrow } from './reports.ts';
import { initialise, start } from './setup.ts';
import { closeStake, collectCommission, collectRewards, stake, unstake, withdrawStake } from './stake.ts';

/** The instructions of the model by their names in the protocol: each refuses a call or returns what it does. */
export const MODEL = {
  initialise,
  start,
  register_worker: registerWorker,
  register_validator: registerValidator,
  register_gateway: registerGateway,
  rotate_identity: rotateIdentity,
  set_capacity: setCapacity,
  set_commission: setCommission,
  commit_chain: commitChain,
  close_chain: closeChain,
  open_escrow: openEscrow,
  deposit_escrow: depositEscrow,
  request_withdrawal: requestWithdrawal,
  withdraw_escrow: withdrawEscrow,
  authorise_debit: authoriseDebit,
  close_epoch: closeEpoch,
  attest,
  reveal_salt: revealSalt,
  record_beacon: recordBeacon,
  post_verdicts: postVerdicts,
  post_root: postRoot,
  reveal_root: revealRoot,
  settle_escrow: settleEscrow,
  finalise,
  claim,
  close_vote: closeVote,
  close_epoch_account: closeEpochAccount,
  stake,
  unstake,
  withdraw_stake: withdrawStake,
  collect_rewards: collectRewards,
  collect_commission: collectCommission,
  close_stake: closeStake,
  propose,
  vote_proposal: voteProposal,
  execute_proposal: executeProposal,
  close_proposal: closeProposal,
  close_ballot: closeBallot,
  commit_finding: commitFinding,
  close_finding: closeFinding,
  prove_double_sign: proveDoubleSign,
  execute_case: executeCase,
} as const satisfies Record<string, Instruction>;
export type Name = keyof typeof MODEL;
