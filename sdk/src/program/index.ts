export * from './accounts.ts';
export { type Address, addressFromBase58, TOKEN_PROGRAM, toBase58 } from './address.ts';
export {
  type KeysName,
  type ProgramAddresses,
  type ProvenName,
  programAddresses,
  type StakeName,
} from './addresses.ts';
export { associatedTokenAccount } from './associatedTokenAccount.ts';
export { type ChainView, type ChainViewOptions, checkFresh, createChainView, type Staleness } from './chainView.ts';
export { checkedConfig } from './checkedConfig.ts';
export { instructionName } from './coder.ts';
export { type CompressedKey, compressVerifyingKey } from './compressVerifyingKey.ts';
export { eventsInLogs, type ProgramEvent } from './events.ts';
export { explorerLink } from './explorer.ts';
export { idl } from './idl.ts';
export * from './instructions/chain.ts';
export * from './instructions/challenge.ts';
export * from './instructions/claim.ts';
export * from './instructions/epoch.ts';
export * from './instructions/escrow.ts';
export * from './instructions/evidence.ts';
export * from './instructions/governance.ts';
export * from './instructions/proofs.ts';
export * from './instructions/registration.ts';
export * from './instructions/setup.ts';
export * from './instructions/stake.ts';
export * from './instructions/voucher.ts';
export { programAdvice } from './programAdvice.ts';
export {
  createProgramClient,
  type ProgramClient,
  type ProgramClientOptions,
} from './programClient.ts';
export { type NumberedError, numberedError, programErrorName, transactionError } from './programError.ts';
export { PROGRAM_ID } from './programId.ts';
export { toPublicKey } from './publicKey.ts';
export { checkProgramHash, type DeployedProgram, elfHash, readProgram } from './readProgram.ts';
export { requestAirdrop } from './requestAirdrop.ts';
export { rpcRequest } from './rpc.ts';
export { type SendOptions, type SentTransaction, sendTransaction } from './sendTransaction.ts';
export { type SimulatedTransaction, simulateTransaction } from './simulateTransaction.ts';
export { decodeSlotHashes, type SlotHash } from './slotHashes.ts';
export { readTokenAccount, type TokenAccount } from './tokenAccount.ts';
export { type TransactionSigner, transactionSigner } from './transactionSigner.ts';
