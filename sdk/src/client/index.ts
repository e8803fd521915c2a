export { type Cluster, clusterPreset } from '../clusters/index.ts';
export { isLoopback } from '../clusters/isLoopback.ts';
export { KarmeshError } from '../errors.ts';
export { type Moment, momentText } from '../participant/staking/moment.ts';
export { type StakeStanding, stakeStanding } from '../participant/staking/standing.ts';
export {
  ASSET,
  type ConfigAccount,
  EPOCH_STATE,
  type EpochAccount,
  NONE,
  type ParticipantAccount,
  ROLE,
  type StakeAccount,
  VOTE_FLAG,
} from '../program/accounts.ts';
export { type Address, addressFromBase58, SYSTEM_PROGRAM, TOKEN_PROGRAM, toBase58 } from '../program/address.ts';
export type { ProgramAddresses } from '../program/addresses.ts';
export { associatedTokenAccount } from '../program/associatedTokenAccount.ts';
export { compileTransaction, type PlainInstruction } from '../program/compileTransaction.ts';
export { explorerAccountLink, explorerLink } from '../program/explorer.ts';
export { stakeInstructions } from '../program/stakeInstructions.ts';
export * from './accountKeys.ts';
export type { AnswerEvidence } from './answerEvidence.ts';
export * from './ask.ts';
export * from './askStreaming.ts';
export * from './chainReader.ts';
export * from './chainSender.ts';
export { checkUsage } from './checkUsage.ts';
export * from './fetchBundle.ts';
export type { Gateway } from './gateway.ts';
export { type AccountMovement, listMovements } from './listMovements.ts';
export { listPrices, type Prices } from './listPrices.ts';
export { type GatewaySession, type LogInOptions, logIn, logOut } from './logIn.ts';
export * from './payAndVerify.ts';
export { type AccountCredit, readAccount } from './readAccount.ts';
export * from './readBundleChain.ts';
export { type DueClaim, readClaim } from './readClaim.ts';
export { readEscrowTerms } from './readEscrowTerms.ts';
export { readEvents } from './readEvents.ts';
export * from './recheckBundle.ts';
export { type BundleProof, type ProofTools, proofSentence } from './recheckChallenge.ts';
export * from './requestQuote.ts';
export { signOrder } from './signOrder.ts';
export { signVoucher } from './signVoucher.ts';
export { type UptoOffer, type UptoScheme, uptoScheme } from './uptoScheme.ts';
export type { AnswerVerdict, ChoiceVerdict, VerifyChain, VerifyLevel } from './verifyAnswer.ts';
export * from './verifyTicket.ts';
export { type VoucherPayment, voucherPayer } from './voucherPayer.ts';
