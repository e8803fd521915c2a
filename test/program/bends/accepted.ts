/** An account that may be another one, and why that harms nobody. */
export interface Accepted {
  readonly instruction: string;
  readonly account: string;
  /** What may stand there; anything if it is left out. */
  readonly as?: readonly string[];
  readonly why: string;
}

const ANY_SIGNER = ['stranger', 'another signer', 'same as owner'];
const NOT_CREATED = 'the account exists, so that the system program is not called';
const LAMPORTS = 'lamports are staked: accounts of tokens are not looked at';

/** Every swap of an account that the program takes. What is not here is refused. */
export const ACCEPTED: readonly Accepted[] = [
  {
    instruction: 'initialise',
    account: 'payer',
    as: ANY_SIGNER,
    why: 'whoever comes first; docs/guides/deploy.md says how that shows',
  },
  { instruction: 'claim', account: 'payer', as: ANY_SIGNER, why: 'anyone may send it; the owner is paid' },
  {
    instruction: 'accuseVoter',
    account: 'payer',
    as: ANY_SIGNER,
    why: 'anyone may send it; the fault says who found it',
  },
  { instruction: 'registerLayer', account: 'payer', as: ANY_SIGNER, why: 'anyone may send it; the key has a path' },
  { instruction: 'depositEscrow', account: 'payer', as: ANY_SIGNER, why: 'anyone may pay in' },
  { instruction: 'depositEscrow', account: 'escrow', as: ['Escrow'], why: 'who pays chooses the escrow' },
  {
    instruction: 'rotateIdentity',
    account: 'newIdentity',
    as: ANY_SIGNER,
    why: 'the owner chooses, and the key signs',
  },
  { instruction: 'rotateIdentity', account: 'participant', as: ['Participant'], why: 'another one of the same owner' },
  { instruction: 'accuseVoter', account: 'fault', as: ['Fault'], why: 'another fault of the same report' },
  { instruction: 'closeStake', account: 'stake', as: ['Stake'], why: 'another one of the same staker' },
  {
    instruction: 'unstake',
    account: 'stake',
    as: ['Stake'],
    why: 'another one of the same staker behind the same participant',
  },
  {
    instruction: 'collectRewards',
    account: 'stake',
    as: ['Stake'],
    why: 'another one of the same staker behind the same participant',
  },
  {
    instruction: 'closeProposal',
    account: 'proposal',
    as: ['Proposal'],
    why: 'another one of the same payer that is over',
  },
  { instruction: 'executeCase', account: 'harmed', why: 'the case harmed nobody: nothing is paid there' },
  { instruction: 'executeProposal', account: 'vault', why: 'the proposal is no payment: the vault is not looked at' },
  { instruction: 'proveFalseLifetime', account: 'prior', why: 'priorRoot is zero: there is no prior report' },
  { instruction: 'postRoot', account: 'systemProgram', why: NOT_CREATED },
  { instruction: 'verifyLayerProof', account: 'systemProgram', why: NOT_CREATED },
  { instruction: 'stake', account: 'stakerTokens', why: LAMPORTS },
  { instruction: 'stake', account: 'tokenVault', why: LAMPORTS },
  { instruction: 'stake', account: 'tokenProgram', why: LAMPORTS },
  { instruction: 'withdrawStake', account: 'stakerTokens', why: LAMPORTS },
  { instruction: 'withdrawStake', account: 'tokenVault', why: LAMPORTS },
  { instruction: 'withdrawStake', account: 'tokenProgram', why: LAMPORTS },
];
