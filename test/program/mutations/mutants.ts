/** A bug that is planted in the program: one text of one file, which stands there exactly once, becomes another. */
export interface Mutant {
  readonly name: string;
  /** In programs/karma/src. */
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'who withdraws slashed stake gets a lamport more',
    file: 'processor/withdraw_stake.rs',
    before: 'value_of(units, participant.slash_index)?, config',
    after: 'value_of(units, participant.slash_index)?.wrapping_add(u64::from(!participant.is_whole())), config',
  },
  {
    name: 'anybody asks for the withdrawal of a buyer’s escrow',
    file: 'processor/request_withdrawal.rs',
    before: 'buyer.is_signer() && *buyer.address()',
    after: '*buyer.address()',
  },
  {
    name: 'rewards go to whoever is named',
    file: 'processor/collect_rewards.rs',
    before: 'require(*staker.address().as_array() == stake.staker, KarmaError::BadOwner)?; // P-31',
    after: '',
  },
  {
    name: 'a claim is paid again',
    file: 'processor/claim.rs',
    before: 'participant.lifetime_paid = add(participant.lifetime_paid, paid)?;',
    after: '',
  },
  {
    name: 'unstaked value leaves at once',
    file: 'state/stake.rs',
    before: 'let units = released.saturating_sub(self.released_units);',
    after: 'let units = released.max(self.unbonding_units).saturating_sub(self.released_units);',
  },
  {
    name: 'what was unstaked still weighs',
    file: 'processor/unstake.rs',
    before: 'participant.update_weight(&mut config, slot)?; // P-28',
    after: '',
  },
  {
    name: 'a reward is counted at every turn',
    file: 'state/stake.rs',
    before: 'self.reward_per_unit = participant.reward_per_unit;',
    after: '',
  },
  {
    name: 'slashes have no bound in an epoch',
    file: 'processor/execute_case.rs',
    before: 'bound.saturating_sub(config.slashed_weight)',
    after: 'bound.max(u64::MAX)',
  },
  {
    name: 'an executed case is executed again',
    file: 'processor/execute_case.rs',
    before: 'require(case.executed == 0, KarmaError::BadState)?; // P-43',
    after: '',
  },
  {
    name: 'stake leaves while a case is open',
    file: 'processor/withdraw_stake.rs',
    before: 'require(participant.open_cases == 0, KarmaError::StakeHeld)?; // P-30',
    after: '',
  },
  {
    name: 'an escrow settles one epoch twice',
    file: 'processor/settle_escrow.rs',
    before: 'escrow.cumulative_debit = cumulative_after;',
    after: '',
  },
  {
    name: 'more may be owed, by the votes’ share',
    file: 'processor/finalise.rs',
    before: 'add(of(place::AUDIT_SHARE), of(place::GATEWAY_SHARE))?',
    after: 'add(of(place::AUDIT_SHARE), of(place::VOTE_SHARE))?',
  },
  {
    name: 'a vote closes an epoch before its evidence is over',
    file: 'processor/close_vote.rs',
    before: 'require(current >= until && slot',
    after: 'require(current + 1 >= until && slot',
  },
  {
    name: 'who keeps its salt back is paid',
    file: 'state/vote.rs',
    before: 'if !self.keeps_pay() || self.has(ACCUSED) {',
    after: 'if self.has(ACCUSED) {',
  },
  {
    name: 'the treasury has what no final epoch settled',
    file: 'state/vault.rs',
    before: 'let left = sub(self.settled, config.last_totals[5])?;',
    after: 'let left = sub(self.received, config.last_totals[5])?;',
  },
  {
    name: 'a voucher is shown twice',
    file: 'processor/authorise_debit.rs',
    before: 'require(cumulative > account.authorised,',
    after: 'require(cumulative >= account.authorised,',
  },
  {
    name: 'a pause does not hold stake back',
    file: 'processor/stake.rs',
    before: 'config.require_unpaused(slot)?; // P-37',
    after: '',
  },
  {
    name: 'a ballot is ended and cast again',
    file: 'processor/close_ballot.rs',
    before: 'require(!may_count(proposal, cx.program, (account.epoch, current))?, KarmaError::TooEarly)?;',
    after: 'may_count(proposal, cx.program, (account.epoch, current))?;',
  },
  {
    name: 'all karma decays as inference does',
    file: 'processor/claim.rs',
    before: 'with.config.parameters.half_lives[i]',
    after: 'with.config.parameters.half_lives[0]',
  },
  {
    name: 'a seal counts twice',
    file: 'processor/post_root.rs',
    before: 'require(!sealed_now, KarmaError::AlreadyVoted)?; // P-17',
    after: 'let _ = sealed_now;',
  },
  {
    name: 'a report that may have been copied is paid',
    file: 'processor/reveal_root.rs',
    before: 'vote.keeps_pay() && !vote.has(vote::LATE)',
    after: 'vote.keeps_pay()',
  },
  {
    name: 'a higher commission holds in the next epoch',
    file: 'processor/set_commission.rs',
    before: 'add(current, config.parameters.cool_down_epochs)?',
    after: 'config.active_from(slot)?',
  },
  {
    name: 'an escrow is emptied an epoch too early',
    file: 'processor/withdraw_escrow.rs',
    before: '!config.is_after_last_finalised(after)',
    after: '!config.is_after_last_finalised(after.saturating_sub(1))',
  },
];
