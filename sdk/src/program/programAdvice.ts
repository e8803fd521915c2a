/** What to do about a refusal of the program that a person's command can meet. */
const ADVICE: Readonly<Record<string, string>> = {
  NotStarted: 'Wait until the cluster has begun its first epoch.',
  BadParameter:
    'Choose a value within the bounds of programs/karma/src/state/bounds.rs that fits the other parameters.',
  BadOwner: 'Sign with the key that the account names: its staker, or the participant’s owner.',
  BadPda: 'Check --validator and the cluster: the account belongs to somebody else.',
  WrongRole: 'Name a participant of the role that the command is for.',
  WrongIdentity: 'Sign with the newest identity of the validator; a rotated one no longer counts.',
  BondTooSmall: 'Keep what the role asks for of the owner’s own lamports, or take all of them out.',
  BadAmount: 'Choose an amount above zero that the account holds.',
  TooEarly: 'Wait until the epoch that the command’s own look at the chain names.',
  TooLate: 'It is over: propose anew.',
  NotActive:
    'Only a validator that had a weight in the proposal’s epoch votes; a new one has it from its next epoch on.',
  AlreadyVoted: 'Nothing: this validator’s yes counts already.',
  AlreadyInitialised: 'Take another --nonce: this validator has a proposal under it.',
  Paused: 'Wait until the pause that validators voted for is over; taking out is possible meanwhile.',
  NothingDue: 'Wait: nothing is due yet. The command `rewards` says what comes when.',
  StakeTooSmall: 'Take out less, or stake behind another validator: this one lost nearly all by slashes.',
  StakeHeld: 'Wait until the offence that was proven of this participant is slashed, and try again.',
  NoCoolDown: 'Unstake first: nothing is on its way out.',
  BadMint: 'Leave --token out: this cluster stakes lamports alone.',
  BadTokenAccount: 'Name with --token-account an account of the cluster’s token that belongs to who stakes.',
  BadProposal: 'Look at the proposal: it was executed, is too old, or asks for what cannot be.',
  NotPassed: 'Wait for more votes: more than two thirds of the stake, or half of it for a pause.',
  TimeLocked: 'Wait until the epoch from which it can be executed; `proposals` names it.',
  TreasuryShort: 'Wait until the treasury holds so much, or propose less.',
  Overflow: 'Stake less: the cluster counts no more than 2^62 lamports.',
};

/** The errors that there is an advice on. */
export const ADVISED: readonly string[] = Object.keys(ADVICE);

/** A sentence with what to do about the program's error of this name; undefined where only a program's fault leads to it. */
export function programAdvice(name: string): string | undefined {
  return ADVICE[name];
}
